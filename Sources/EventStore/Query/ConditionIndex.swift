internal import Model

/// Tells of many conditions which may hold of an event, by the names of the properties that it has: of its bytes as they are stored,
/// before anything is copied. Most conditions ask for a property that most events do not have.
public struct ConditionIndex: Sendable {
    /// Places of conditions that may hold whatever properties there are.
    private var always: [Int] = []
    /// Places of the others, by what they demand.
    private var byProperty: [Hash128: [Int]] = [:]
    /// The lengths in bytes of names that are demanded, a bit for each; the last stands for all that are longer.
    private var lengths: UInt64 = 0

    /// - Parameter conditions: nil is one that always holds.
    public init(_ conditions: [Condition?]) {
        for (place, condition) in conditions.enumerated() {
            guard let demands = condition?.demands else {
                always.append(place)
                continue
            }
            for name in demands {
                byProperty[Hash128(name.text), default: []].append(place)
                lengths |= Self.bit(name.text.utf8.count)
            }
        }
    }

    /// The places of those that may hold, ascending; all others do not.
    ///
    /// - Parameter object: the event's properties, a JSON object.
    public func places(_ object: Span<UInt8>) -> [Int] {
        guard !byProperty.isEmpty else { return always }
        var found: [Int] = []
        PropertyText.eachKey(of: object) { name in
            if lengths & Self.bit(name.count) != 0, let places = byProperty[Hash128(name)] { found += places }
        }
        return found.isEmpty ? always : Set(found).union(always).sorted()
    }

    /// Whether any of them may hold.
    public func mayHold(_ object: Span<UInt8>) -> Bool { !always.isEmpty || !places(object).isEmpty }

    private static func bit(_ length: Int) -> UInt64 { 1 << UInt64(min(length, 63)) }
}

extension Condition {
    /// Properties of which an event must have one for the condition to hold of it; nil if it may hold of one that has none.
    var demands: Set<ExactText>? {
        switch self {
        case .all(let parts):
            // Each part's have to be met; the fewest let the fewest events by.
            return parts.compactMap(\.demands).min { $0.count < $1.count }
        case .any(let parts):
            var together: Set<ExactText> = []
            for part in parts {
                guard let demands = part.demands else { return nil }
                together.formUnion(demands)
            }
            return together
        case .property(let name, let test): return test.holdsOfNothing ? nil : [ExactText(name)]
        case .not, .event: return nil
        // What asks about the person holds of no event alone.
        case .person, .personThen, .computed, .did, .sequence, .segment: return []
        }
    }
}
