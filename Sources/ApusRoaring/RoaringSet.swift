internal import CRoaring

/// A compressed set of 32-bit numbers with value semantics.
///
/// Owner: whoever holds the value. Copies share storage until one of them is changed; the storage is immutable while
/// shared, so values cross threads freely. None and one, which are most audiences, take no storage at all.
///
/// Numbers come out in ascending order. Operations cost time in the number of containers (65 536 numbers each),
/// not of members. Running out of memory traps: there is no way to go on without the set.
package struct RoaringSet: Sendable {
    /// One set may have several forms: what was a bitmap stays one when it loses its members.
    private enum Form {
        case none
        case one(UInt32)
        case bitmap(Storage)
    }

    private var form: Form

    /// The C bitmap and its lifetime.
    ///
    /// `@unchecked Sendable`: changed only through `RoaringSet.mutable`, that is while uniquely referenced.
    private final class Storage: @unchecked Sendable {
        let bitmap: UnsafeMutablePointer<roaring_bitmap_t>

        init(owning bitmap: UnsafeMutablePointer<roaring_bitmap_t>?) {
            guard let bitmap else { preconditionFailure("no memory for a bitmap") }
            self.bitmap = bitmap
        }

        deinit { roaring_bitmap_free(self.bitmap) }
    }

    private init(owning bitmap: UnsafeMutablePointer<roaring_bitmap_t>?) {
        self.form = .bitmap(Storage(owning: bitmap))
    }

    /// The set as a bitmap, for changing: made first where there is none, copied where anybody else can see it.
    ///
    /// Nobody may ask while a copy of ``form`` is at hand, as inside a `switch` over it: that would be somebody else.
    private var mutable: UnsafeMutablePointer<roaring_bitmap_t> {
        mutating get {
            var form = Form.none
            swap(&form, &self.form)
            let storage = Self.unshared(consume form)
            self.form = .bitmap(storage)
            return storage.bitmap
        }
    }

    private var isBitmap: Bool {
        if case .bitmap = self.form { true } else { false }
    }

    private static func unshared(_ form: consuming Form) -> Storage {
        switch consume form {
        case .none: return Storage(owning: roaring_bitmap_create())
        case .one(let only):
            let storage = Storage(owning: roaring_bitmap_create())
            roaring_bitmap_add(storage.bitmap, only)
            return storage
        case .bitmap(var storage):
            return isKnownUniquelyReferenced(&storage) ? storage : Storage(owning: roaring_bitmap_copy(storage.bitmap))
        }
    }

    /// The empty set.
    package init() { self.form = .none }

    /// The set of these numbers, in whatever order they come.
    package init(_ members: some Sequence<UInt32>) { self.init(Array(members)) }

    /// The set of these numbers, in whatever order they come.
    package init(_ members: [UInt32]) {
        switch members.count {
        case 0: self.form = .none
        case 1: self.form = .one(members[0])
        default:
            let bitmap = members.withUnsafeBufferPointer { roaring_bitmap_of_ptr($0.count, $0.baseAddress) }
            self.form = .bitmap(Storage(owning: bitmap))
        }
    }

    /// Every number of the range.
    package init(_ range: Range<UInt32>) {
        self.form = .none
        if !range.isEmpty { roaring_bitmap_add_range_closed(self.mutable, range.lowerBound, range.upperBound - 1) }
    }
}

// MARK: - Members

extension RoaringSet {
    /// How many members there are.
    package var count: Int {
        switch self.form {
        case .none: 0
        case .one: 1
        case .bitmap(let storage): Int(roaring_bitmap_get_cardinality(storage.bitmap))
        }
    }

    /// Whether there is no member; cheaper than counting them.
    package var isEmpty: Bool {
        switch self.form {
        case .none: true
        case .one: false
        case .bitmap(let storage): roaring_bitmap_is_empty(storage.bitmap)
        }
    }

    /// The greatest member.
    package var max: UInt32? {
        switch self.form {
        case .none: nil
        case .one(let only): only
        case .bitmap(let storage): self.isEmpty ? nil : roaring_bitmap_maximum(storage.bitmap)
        }
    }

    /// Whether the number is a member.
    package func contains(_ member: UInt32) -> Bool {
        switch self.form {
        case .none: false
        case .one(let only): only == member
        case .bitmap(let storage): roaring_bitmap_contains(storage.bitmap, member)
        }
    }

    /// - Returns: whether it was not there before.
    @discardableResult
    package mutating func insert(_ member: UInt32) -> Bool {
        if case .none = self.form {
            self.form = .one(member)
            return true
        }
        if case .one(let only) = self.form, only == member { return false }
        return roaring_bitmap_add_checked(self.mutable, member)
    }

    /// Takes in all of these numbers: cheapest in ascending order.
    package mutating func insert(contentsOf members: [UInt32]) {
        guard members.count > 1 else {
            if let only = members.first { self.insert(only) }
            return
        }
        let bitmap = self.mutable
        members.withUnsafeBufferPointer { roaring_bitmap_add_many(bitmap, $0.count, $0.baseAddress) }
    }

    /// - Returns: whether it was there before.
    @discardableResult
    package mutating func remove(_ member: UInt32) -> Bool {
        if self.isBitmap { return roaring_bitmap_remove_checked(self.mutable, member) }
        let isThere = self.contains(member)
        if isThere { self.form = .none }
        return isThere
    }

    /// How many members are less than the number.
    package func rank(of number: UInt32) -> Int {
        switch self.form {
        case .none: 0
        case .one(let only): only < number ? 1 : 0
        case .bitmap(let storage): number == 0 ? 0 : Int(roaring_bitmap_rank(storage.bitmap, number - 1))
        }
    }

    /// The members in ascending order.
    package var members: [UInt32] {
        switch self.form {
        case .none: return []
        case .one(let only): return [only]
        case .bitmap(let storage):
            let count = self.count
            // An array without capacity is one object of the whole process, to which its count is written all the same.
            guard count > 0 else { return [] }
            return [UInt32](unsafeUninitializedCapacity: count) { buffer, written in
                if let base = buffer.baseAddress { roaring_bitmap_to_uint32_array(storage.bitmap, base) }
                written = count
            }
        }
    }

    /// The members with ranks in the range, in ascending order; ranks past the end are cut off.
    package func members(ranked ranks: Range<Int>) -> [UInt32] {
        let range = ranks.clamped(to: 0..<self.count)
        guard !range.isEmpty, case .bitmap(let storage) = self.form else { return range.isEmpty ? [] : self.members }
        return [UInt32](unsafeUninitializedCapacity: range.count) { buffer, written in
            roaring_bitmap_range_uint32_array(storage.bitmap, range.lowerBound, range.count, buffer.baseAddress)
            written = range.count
        }
    }
}

// MARK: - Algebra

extension RoaringSet {
    /// The members of both.
    package func intersection(_ other: RoaringSet) -> RoaringSet {
        switch (self.form, other.form) {
        case (.none, _), (_, .none): RoaringSet()
        case (.one(let only), _): other.contains(only) ? self : RoaringSet()
        case (_, .one(let only)): self.contains(only) ? other : RoaringSet()
        case (.bitmap(let left), .bitmap(let right)): RoaringSet(owning: roaring_bitmap_and(left.bitmap, right.bitmap))
        }
    }

    /// The members of either.
    package func union(_ other: RoaringSet) -> RoaringSet {
        switch (self.form, other.form) {
        case (.bitmap(let left), .bitmap(let right)):
            return RoaringSet(owning: roaring_bitmap_or(left.bitmap, right.bitmap))
        case (.none, _), (.one, _), (_, .none), (_, .one):
            var union = self
            union.formUnion(other)
            return union
        }
    }

    /// The members that the other does not have.
    package func subtracting(_ other: RoaringSet) -> RoaringSet {
        switch (self.form, other.form) {
        case (.bitmap(let left), .bitmap(let right)):
            return RoaringSet(owning: roaring_bitmap_andnot(left.bitmap, right.bitmap))
        case (.none, _), (.one, _), (_, .none), (_, .one):
            var rest = self
            rest.subtract(other)
            return rest
        }
    }

    /// Whether there is a member of both; cheaper than counting them.
    package func intersects(_ other: RoaringSet) -> Bool {
        switch (self.form, other.form) {
        case (.bitmap(let left), .bitmap(let right)): roaring_bitmap_intersect(left.bitmap, right.bitmap)
        case (.none, _), (.one, _), (_, .none), (_, .one): self.intersectionCount(other) > 0
        }
    }

    /// The size of the intersection, without building it.
    package func intersectionCount(_ other: RoaringSet) -> Int {
        switch (self.form, other.form) {
        case (.none, _), (_, .none): 0
        case (.one(let only), _): other.contains(only) ? 1 : 0
        case (_, .one(let only)): self.contains(only) ? 1 : 0
        case (.bitmap(let left), .bitmap(let right)):
            Int(roaring_bitmap_and_cardinality(left.bitmap, right.bitmap))
        }
    }

    /// Takes in the members of the other.
    package mutating func formUnion(_ other: RoaringSet) {
        switch other.form {
        case .none: break
        case .one(let only): self.insert(only)
        case .bitmap(let storage): roaring_bitmap_or_inplace(self.mutable, storage.bitmap)
        }
    }

    /// Keeps the members that the other has too.
    package mutating func formIntersection(_ other: RoaringSet) {
        if self.isBitmap, case .bitmap(let storage) = other.form {
            roaring_bitmap_and_inplace(self.mutable, storage.bitmap)
        } else {
            self = self.intersection(other)
        }
    }

    /// Drops the members that the other has.
    package mutating func subtract(_ other: RoaringSet) {
        if self.isBitmap, case .bitmap(let storage) = other.form {
            roaring_bitmap_andnot_inplace(self.mutable, storage.bitmap)
        } else if case .one(let only) = other.form {
            self.remove(only)
        } else if case .one(let only) = self.form, other.contains(only) {
            self.form = .none
        }
    }
}

extension RoaringSet: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        switch (left.form, right.form) {
        case (.none, _): right.isEmpty
        case (_, .none): left.isEmpty
        case (.one(let only), _): right.count == 1 && right.contains(only)
        case (_, .one(let only)): left.count == 1 && left.contains(only)
        case (.bitmap(let one), .bitmap(let other)): one === other || roaring_bitmap_equals(one.bitmap, other.bitmap)
        }
    }
}

// MARK: - Bytes

extension RoaringSet {
    /// The same set in its smallest form: for sets that are kept and only read. A broadcast's becomes a few bytes.
    package consuming func optimized() -> RoaringSet {
        guard self.isBitmap else { return self }
        let bitmap = self.mutable
        roaring_bitmap_run_optimize(bitmap)
        roaring_bitmap_shrink_to_fit(bitmap)
        return self
    }

    /// What it takes in memory, roughly: the size of its portable format as it is now.
    package var sizeBytes: Int {
        switch self.form {
        case .none: Self.bytesOfNone.count
        case .one: Self.bytesOfOneSize
        case .bitmap(let storage): roaring_bitmap_portable_size_in_bytes(storage.bitmap)
        }
    }

    /// The portable Roaring format, the same on every machine; runs are compressed.
    package var portableBytes: [UInt8] {
        switch self.form {
        case .none: return Self.bytesOfNone
        case .one(let only): return Self.bytes(of: only)
        case .bitmap: break
        }
        guard case .bitmap(let packed) = self.optimized().form else { return Self.bytesOfNone }
        let size = roaring_bitmap_portable_size_in_bytes(packed.bitmap)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, written in
            written = buffer.withMemoryRebound(to: CChar.self) { chars in
                guard let base = chars.baseAddress else { return 0 }
                return roaring_bitmap_portable_serialize(packed.bitmap, base)
            }
        }
    }

    /// Reads the portable format.
    ///
    /// - Returns: nil when the bytes are cut short or are no bitmap, or when anything follows it.
    package init?(portableBytes: [UInt8]) {
        let bitmap = portableBytes.withUnsafeBytes { raw -> UnsafeMutablePointer<roaring_bitmap_t>? in
            let chars = raw.bindMemory(to: CChar.self)
            guard let base = chars.baseAddress,
                roaring_bitmap_portable_deserialize_size(base, chars.count) == chars.count
            else { return nil }
            return roaring_bitmap_portable_deserialize_safe(base, chars.count)
        }
        guard let bitmap else { return nil }
        self.init(owning: bitmap)
    }

    /// What the portable format begins with where there are no runs, and that there are no containers.
    private static let bytesOfNone: [UInt8] = [0x3A, 0x30, 0, 0, 0, 0, 0, 0]
    private static let bytesOfOneSize = 18

    /// One container: its key, its count less one, where it begins, and in it the lower half of the number.
    private static func bytes(of only: UInt32) -> [UInt8] {
        let (key, value) = (only >> 16, only & 0xFFFF)
        let halves = [0x303A, 0, 1, 0, key, 0, 16, 0, value]
        return halves.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }
}
