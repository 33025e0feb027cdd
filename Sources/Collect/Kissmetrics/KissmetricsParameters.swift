import Model

/// The decoded parameters of one call.
struct KissmetricsParameters {
    /// `_p`, as it came: commas and colons become spaces in names alone.
    var identity: [UInt8]?
    /// `_n`, as it came: the event's name, or an alias's other identity.
    var name: [UInt8]?
    /// `_t`, as it came; nil if missing or empty.
    var time: [UInt8]?
    /// Whether `_d` is exactly `1`, which makes `_t` the event's time.
    var timeCounts = false
    /// Everything whose name does not begin with `_`, in the order of the call.
    var properties: [Property] = []

    struct Property {
        /// The name with `,` and `:` as spaces.
        let name: [UInt8]
        /// The same in lower case: names differ by more than case.
        let folded: [UInt8]
        /// A JSON number with its digits kept if the text is one by JSON's grammar, a JSON string otherwise.
        let value: [UInt8]
    }

    init(_ query: Span<UInt8>) throws(Refusal) {
        var pairs = FormPairs()
        var hasTime = false
        var hasDecision = false
        while pairs.next(in: query) {
            guard pairs.name.first == 0x5f else {
                try addProperty(pairs.name, pairs.value)
                continue
            }
            // All that count have one letter; reserved are `_k`, `_c`, `_u`, `_ip`, `_ua` and whatever clients may add.
            guard pairs.name.count == 2 else { continue }
            switch pairs.name[1] {
            case UInt8(ascii: "p"): identity = identity ?? pairs.value
            case UInt8(ascii: "n"): name = name ?? pairs.value
            case UInt8(ascii: "t"):
                if !hasTime { time = pairs.value.isEmpty ? nil : pairs.value }
                hasTime = true
            case UInt8(ascii: "d"):
                if !hasDecision { timeCounts = pairs.value == [0x31] }
                hasDecision = true
            default: break
            }
        }
    }

    private mutating func addProperty(_ name: [UInt8], _ text: [UInt8]) throws(Refusal) {
        let name = Self.spaced(name)
        if let fault = CollectRules.fault(name.span) { throw Refusal("a property's name \(fault)") }
        // Most are in lower case, and one memory serves for both.
        let isFolded = name.allSatisfy { $0 < 0x80 && $0 &- 0x41 >= 26 }
        let folded = isFolded ? name : NameFolding.folded(name.span)
        guard !properties.contains(where: { $0.folded == folded }) else { return }
        guard properties.count < CollectLimits.kissmetricsProperties else {
            throw Refusal("more than \(CollectLimits.kissmetricsProperties) properties in one call: send several")
        }
        properties.append(Property(name: name, folded: folded, value: ValueText.json(text.span)))
    }

    /// A name with its commas and colons as spaces, as KISSmetrics keeps it.
    static func spaced(_ name: [UInt8]) -> [UInt8] {
        name.map { $0 == 0x2c || $0 == 0x3a ? 0x20 : $0 }
    }
}
