internal import CRoaring

/// A compressed set of 32-bit numbers with value semantics.
///
/// Owner: whoever holds the value. Copies share storage until one of them is changed; the storage is immutable while
/// shared, so values cross threads freely.
///
/// Numbers come out in ascending order. Operations cost time in the number of containers (65 536 numbers each),
/// not of members. Running out of memory traps: there is no way to go on without the set.
package struct RoaringSet: Sendable {
    private var storage: Storage

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

    private init(owning bitmap: UnsafeMutablePointer<roaring_bitmap_t>?) { self.storage = Storage(owning: bitmap) }

    /// For reading only.
    private var bitmap: UnsafeMutablePointer<roaring_bitmap_t> { self.storage.bitmap }

    /// For changing: copied first when anybody else can see it.
    private var mutable: UnsafeMutablePointer<roaring_bitmap_t> {
        mutating get {
            if !isKnownUniquelyReferenced(&self.storage) {
                self.storage = Storage(owning: roaring_bitmap_copy(self.storage.bitmap))
            }
            return self.storage.bitmap
        }
    }

    /// The empty set.
    package init() { self.init(owning: roaring_bitmap_create()) }

    /// The set of these numbers, in whatever order they come.
    package init(_ members: some Sequence<UInt32>) { self.init(Array(members)) }

    /// The set of these numbers, in whatever order they come.
    package init(_ members: [UInt32]) {
        self.init(owning: members.withUnsafeBufferPointer { roaring_bitmap_of_ptr($0.count, $0.baseAddress) })
    }

    /// Every number of the range.
    package init(_ range: Range<UInt32>) {
        self.init(owning: roaring_bitmap_create())
        if !range.isEmpty { roaring_bitmap_add_range_closed(self.bitmap, range.lowerBound, range.upperBound - 1) }
    }
}

// MARK: - Members

extension RoaringSet {
    /// How many members there are.
    package var count: Int { Int(roaring_bitmap_get_cardinality(self.bitmap)) }

    /// Whether there is no member; cheaper than counting them.
    package var isEmpty: Bool { roaring_bitmap_is_empty(self.bitmap) }

    /// The greatest member.
    package var max: UInt32? { self.isEmpty ? nil : roaring_bitmap_maximum(self.bitmap) }

    /// Whether the number is a member.
    package func contains(_ member: UInt32) -> Bool { roaring_bitmap_contains(self.bitmap, member) }

    /// - Returns: whether it was not there before.
    @discardableResult
    package mutating func insert(_ member: UInt32) -> Bool { roaring_bitmap_add_checked(self.mutable, member) }

    /// Takes in all of these numbers: cheapest in ascending order.
    package mutating func insert(contentsOf members: [UInt32]) {
        let bitmap = self.mutable
        members.withUnsafeBufferPointer { roaring_bitmap_add_many(bitmap, $0.count, $0.baseAddress) }
    }

    /// - Returns: whether it was there before.
    @discardableResult
    package mutating func remove(_ member: UInt32) -> Bool { roaring_bitmap_remove_checked(self.mutable, member) }

    /// How many members are less than the number.
    package func rank(of number: UInt32) -> Int {
        number == 0 ? 0 : Int(roaring_bitmap_rank(self.bitmap, number - 1))
    }

    /// The members in ascending order.
    package var members: [UInt32] {
        let count = self.count
        // An array without capacity is one object of the whole process, to which its count is written all the same.
        guard count > 0 else { return [] }
        return [UInt32](unsafeUninitializedCapacity: count) { buffer, written in
            if let base = buffer.baseAddress { roaring_bitmap_to_uint32_array(self.bitmap, base) }
            written = count
        }
    }

    /// The members with ranks in the range, in ascending order; ranks past the end are cut off.
    package func members(ranked ranks: Range<Int>) -> [UInt32] {
        let range = ranks.clamped(to: 0..<self.count)
        guard !range.isEmpty else { return [] }
        return [UInt32](unsafeUninitializedCapacity: range.count) { buffer, written in
            roaring_bitmap_range_uint32_array(self.bitmap, range.lowerBound, range.count, buffer.baseAddress)
            written = range.count
        }
    }
}

// MARK: - Algebra

extension RoaringSet {
    /// The members of both.
    package func intersection(_ other: RoaringSet) -> RoaringSet {
        RoaringSet(owning: roaring_bitmap_and(self.bitmap, other.bitmap))
    }

    /// The members of either.
    package func union(_ other: RoaringSet) -> RoaringSet {
        RoaringSet(owning: roaring_bitmap_or(self.bitmap, other.bitmap))
    }

    /// The members that the other does not have.
    package func subtracting(_ other: RoaringSet) -> RoaringSet {
        RoaringSet(owning: roaring_bitmap_andnot(self.bitmap, other.bitmap))
    }

    /// Whether there is a member of both; cheaper than counting them.
    package func intersects(_ other: RoaringSet) -> Bool { roaring_bitmap_intersect(self.bitmap, other.bitmap) }

    /// The size of the intersection, without building it.
    package func intersectionCount(_ other: RoaringSet) -> Int {
        Int(roaring_bitmap_and_cardinality(self.bitmap, other.bitmap))
    }

    /// Takes in the members of the other.
    package mutating func formUnion(_ other: RoaringSet) { roaring_bitmap_or_inplace(self.mutable, other.bitmap) }

    /// Keeps the members that the other has too.
    package mutating func formIntersection(_ other: RoaringSet) {
        roaring_bitmap_and_inplace(self.mutable, other.bitmap)
    }

    /// Drops the members that the other has.
    package mutating func subtract(_ other: RoaringSet) { roaring_bitmap_andnot_inplace(self.mutable, other.bitmap) }
}

extension RoaringSet: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage || roaring_bitmap_equals(left.bitmap, right.bitmap)
    }
}

// MARK: - Bytes

extension RoaringSet {
    /// The same set in its smallest form: for sets that are kept and only read. A broadcast's becomes a few bytes.
    package consuming func optimized() -> RoaringSet {
        roaring_bitmap_run_optimize(self.mutable)
        roaring_bitmap_shrink_to_fit(self.mutable)
        return self
    }

    private static var fewMax: Int { 64 }

    /// What it takes in memory, roughly: the size of its portable format as it is now.
    package var sizeBytes: Int { roaring_bitmap_portable_size_in_bytes(self.bitmap) }

    /// The portable Roaring format, the same on every machine; runs are compressed.
    package var portableBytes: [UInt8] {
        // A few have no smaller form worth the copy.
        let packed = self.count > Self.fewMax ? self.optimized() : self
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
}
