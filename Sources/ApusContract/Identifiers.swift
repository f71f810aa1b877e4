/// The public name of an app, and the user name of its Basic credentials.
///
/// - Shape: exactly 24 characters of `[0-9a-zA-Z]`; old clients refuse any other before sending.
package struct AppKey: Hashable, Sendable {
    /// Characters of every key and secret.
    package static let length = 24
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text has another shape.
    package init?(_ text: String) {
        guard Self.isLegal(text) else { return nil }
        self.text = text
    }

    /// Whether the text has the shape that keys and secrets share.
    package static func isLegal(_ text: String) -> Bool {
        text.utf8.count == Self.length && text.hasOnly(\.isLetterOrDigit)
    }
}

/// The name of one install of an app on one device.
///
/// - Shape: 1 to 64 characters of `[0-9A-Za-z_-]`; ours are 19 lower-case hex digits that start with `1`.
/// - Source: contract, common value rules.
package struct RegistrationID: Hashable, Sendable {
    /// The longest that is legal.
    package static let sizeMaxBytes = 64
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text is malformed.
    package init?(_ text: String) {
        guard (1...Self.sizeMaxBytes).contains(text.utf8.count), text.hasOnly(\.isIdentifier) else { return nil }
        self.text = text
    }
}

/// A caller's idempotency id, scoped to its app.
///
/// - Shape: 1 to 128 characters of `[0-9A-Za-z_-]`; ours are `{appKey}-{uuid}`.
package struct CID: Hashable, Sendable {
    /// The longest that is legal.
    package static let sizeMaxBytes = 128
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text is malformed.
    package init?(_ text: String) {
        guard (1...Self.sizeMaxBytes).contains(text.utf8.count), text.utf8.allSatisfy(\.isIdentifier) else {
            return nil
        }
        self.text = text
    }
}

extension CID {
    /// The id under which one app of a group keeps its part of a group's push.
    ///
    /// The colon keeps it apart from every id that a caller can send.
    package init(_ cid: CID, ofGroup group: Int64) { self.text = "\(group):\(cid.text)" }
}

/// The number of an accepted push.
///
/// Positive, below 2^53 when we make it (some clients carry it as a JSON number), growing in order of acceptance;
/// any positive int64 when a caller names it.
package struct MessageID: Hashable, Comparable, Sendable {
    /// The id as a number; 0 where a caller asks for nobody's.
    package let number: Int64

    /// Takes any number: only ``init(decimal:)`` checks.
    package init(_ number: Int64) { self.number = number }

    /// Reads 1 to 19 decimal digits.
    ///
    /// - Returns: nil for anything else, for zero, and above int64.
    package init?(decimal text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ Self(decimal: $0[...]) }) else { return nil }
        self = id
    }

    /// The same from bytes that are not a string yet.
    package init?(decimal digits: Slice<UnsafeBufferPointer<UInt8>>) {
        guard (1...19).contains(digits.count) else { return nil }
        var (number, isTooGreat): (Int64, Bool) = (0, false)
        for digit in digits {
            guard digit.isDigit else { return nil }
            (number, isTooGreat) = number.multipliedReportingOverflow(by: 10)
            guard !isTooGreat else { return nil }
            (number, isTooGreat) = number.addingReportingOverflow(Int64(digit & 0xF))
            guard !isTooGreat else { return nil }
        }
        guard number > 0 else { return nil }
        self.number = number
    }

    /// Decimal digits, as it goes over the wire.
    package var text: String { String(self.number) }

    /// The order of acceptance.
    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// A label that an app puts on devices.
///
/// - Shape and size: as ``Label/isLegal(_:)``; case matters.
/// - Source: JPush Push API v3, "audience".
package struct Tag: Hashable, Sendable {
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text is not a legal label.
    package init?(_ text: String) {
        guard Label.isLegal(text) else { return nil }
        self.text = text
    }
}

/// The name an app gives one of its users.
///
/// One device has at most one alias; one alias may name many devices.
///
/// - Shape and size: as ``Label/isLegal(_:)``; case matters.
/// - Source: JPush Push API v3, "audience".
package struct Alias: Hashable, Sendable {
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text is not a legal label.
    package init?(_ text: String) {
        guard Label.isLegal(text) else { return nil }
        self.text = text
    }
}

// As texts some Han characters equal others (the compatibility ideographs); as labels they differ, here as in a store.
extension Tag {
    package static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { Label.hash(self.text, into: &hasher) }
}

extension Alias {
    package static func == (left: Self, right: Self) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { Label.hash(self.text, into: &hasher) }
}

/// What tags and aliases share.
package enum Label {
    /// The longest that is legal, in bytes of UTF-8.
    package static let sizeMaxBytes = 40

    /// What a label must be, as a phrase that follows "must be".
    package static let expectation =
        "1 to \(Label.sizeMaxBytes) bytes of letters, digits, Chinese characters, _ and @!#$&*+=.|￥"

    fileprivate static func hash(_ text: String, into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// 1 to 40 bytes of UTF-8: letters, digits, `_`, Han characters and `@!#$&*+=.|￥`.
    package static func isLegal(_ text: String) -> Bool {
        guard (1...Self.sizeMaxBytes).contains(text.utf8.count) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "0"..."9", "a"..."z", "A"..."Z", "_": true
            case "@", "!", "#", "$", "&", "*", "+", "=", ".", "|", "￥": true
            case "\u{4E00}"..."\u{9FFF}": true
            default: scalar.properties.isIdeographic
            }
        }
    }
}

extension String {
    /// Whether all bytes of UTF-8 are of this kind: looked at in one piece, which is several times faster than one by
    /// one through the string.
    package func hasOnly(_ isLegal: (UInt8) -> Bool) -> Bool {
        var text = self
        return text.withUTF8 { bytes in
            for byte in bytes where !isLegal(byte) { return false }
            return true
        }
    }

    /// Takes bytes as they are.
    ///
    /// - Returns: nil when they are no UTF-8.
    package init?(checked bytes: UnsafeRawBufferPointer) {
        // ASCII, as nearly everything is, needs no validation of its own.
        if bytes.contains(where: { $0 >= 0x80 }) {
            self.init(validating: bytes, as: UTF8.self)
        } else {
            self.init(decoding: bytes, as: UTF8.self)
        }
    }

    /// Takes bytes as they are; see ``init(checked:)-(UnsafeRawBufferPointer)``.
    package init?(checked bytes: ArraySlice<UInt8>) {
        guard let text = bytes.withUnsafeBytes({ Self(checked: $0) }) else { return nil }
        self = text
    }
}

extension UInt8 {
    /// `[0-9]`.
    package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// `[0-9A-Za-z]`.
    package var isLetterOrDigit: Bool {
        self.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self)
    }

    /// `[0-9A-Za-z_-]`.
    package var isIdentifier: Bool { self.isLetterOrDigit || self == UInt8(ascii: "_") || self == UInt8(ascii: "-") }
}
