internal import Model

/// The current properties of each identity, by its number, as the JSON object that they are told as.
struct PropertyDocuments: Sendable {
    /// The bound of all texts, in bytes; what is beyond is read from the tables.
    private static let mostBytes = 64 << 20
    private static let isUnknown = UInt32.max

    private var texts: [UInt8] = []
    /// Where an identity's text ends in `texts`, and how long it is; an end of 0 is for none.
    private var ends: [UInt32] = []
    private var lengths: [UInt32] = []

    func find(_ identity: Int64) -> PersonIndex.Properties {
        let at = Int(identity)
        guard at >= 0, at < ends.count, ends[at] > 0 else { return .none }
        guard ends[at] != Self.isUnknown else { return .unknown }
        return .object([0x7b] + texts[Int(ends[at] - lengths[at])..<Int(ends[at])] + [0x7d])
    }

    /// Has the identity's properties read from the tables.
    mutating func hide(_ identity: Int64) { set(identity, Self.isUnknown, 0) }

    /// Adds a property; those of an identity come one after another, in the order of their names.
    mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>, to identity: Int64) {
        // A value of null takes a property away.
        if value.count == 4, value[0] == 0x6e { return }
        let at = Int(identity)
        let known = at >= 0 && at < ends.count ? ends[at] : 0
        guard known != Self.isUnknown, texts.count + name.count + value.count < Self.mostBytes else {
            return hide(identity)
        }
        let length = known > 0 ? lengths[at] : 0
        let start = texts.count
        if length > 0 { texts.append(0x2c) }
        JSONText.appendString(name, to: &texts)
        texts.append(0x3a)
        texts.append(copying: value)
        set(identity, UInt32(texts.count), length + UInt32(texts.count - start))
    }

    private mutating func set(_ identity: Int64, _ end: UInt32, _ length: UInt32) {
        guard (1...PersonIndex.mostIdentities).contains(identity) else { return }
        let at = Int(identity)
        if at >= ends.count {
            let missing = max(at + 1, ends.count * 3 / 2) - ends.count
            ends += Array(repeating: 0, count: missing)
            lengths += Array(repeating: 0, count: missing)
        }
        (ends[at], lengths[at]) = (end, length)
    }
}
