/// The name of a scheduled task.
///
/// - Shape: a UUID with hyphens; lower case here, any case when a caller names it.
/// - Source: contract, common value rules; schedule §5.
package struct ScheduleID: Hashable, Sendable {
    /// As it goes over the wire.
    package let text: String

    /// - Returns: nil when the text is no UUID.
    package init?(_ text: String) {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12], groups.joined().allSatisfy({ $0.hexDigitValue != nil }) else {
            return nil
        }
        self.text = text.lowercased()
    }
}
