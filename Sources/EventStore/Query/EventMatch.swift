internal import DuckDB
internal import Model

/// An event as it is looked at before it is in a table, by many conditions: what its properties are is read once.
public final class MatchedEvent {
    /// The name in the form in which it is stored.
    public let name: String
    /// The JSON object as it is stored.
    public let properties: [UInt8]
    /// What the first condition that asks has found.
    private var found: [(key: [UInt8], value: Range<Int>)]?

    public init(name: String, properties: [UInt8]) {
        self.name = name
        self.properties = properties
    }

    private func members() -> [(key: [UInt8], value: Range<Int>)] {
        if let found { return found }
        let bytes = properties
        let made = PropertyText.members(of: bytes.span)
        found = made
        return made
    }

    /// The token of a property; nil if it has none, or null.
    fileprivate func token(_ name: String) -> [UInt8]? {
        let count = name.utf8.count
        for member in members() where member.key.count == count && member.key.elementsEqual(name.utf8) {
            let token = properties[member.value]
            // `null` is the only token that begins with n.
            return token.first == 0x6e ? nil : Array(token)
        }
        return nil
    }
}

extension Condition {
    /// Whether the condition holds of one event: the same answer as its SQL gives of the stored row. What asks about the person does
    /// not hold; it is refused before (`checkAlone`).
    public func holds(of event: MatchedEvent) -> Bool {
        switch self {
        case .all(let parts): parts.allSatisfy { $0.holds(of: event) }
        case .any(let parts): parts.contains { $0.holds(of: event) }
        case .not(let part): !part.holds(of: event)
        case .event(let names): names.contains { ExactText($0) == ExactText(event.name) }
        case .property(let name, let test): test.holds(of: event.token(name))
        case .person, .personThen, .computed, .did, .sequence, .segment: false
        }
    }

    /// Checks that a condition asks of the event alone.
    ///
    /// - Throws: `QueryError` with the path of the part that does not.
    public func checkAlone(path: String = "where") throws(QueryError) {
        let scope = QueryScope(row: .eventAlone, asOf: 0, personMap: .empty, personID: .empty)
        var needs = PersonNeeds()
        _ = try sql(scope, &needs, path: path)
    }
}

extension PropertyTest {
    fileprivate func holds(of token: [UInt8]?) -> Bool { token.map { holds(of: $0) } ?? holdsOfNothing }

    /// Whether an absent property passes.
    var holdsOfNothing: Bool {
        switch self {
        case .differs, .exists(false): true
        default: false
        }
    }

    private func holds(of token: [UInt8]) -> Bool {
        switch self {
        case .equals(let value): return value.equals(token)
        case .differs(let value): return !value.equals(token)
        case .oneOf(let values): return values.contains { $0.equals(token) }
        case .exists(let wanted): return wanted
        case .contains(let part): return Self.text(token).containsBytes(Array(part.utf8))
        case .startsWith(let part): return Self.text(token).starts(with: part.utf8)
        case .compare(let comparison, let operand):
            switch operand {
            case .number(let value):
                guard let number = TokenText.number(token.span) else { return false }
                return comparison.holds(number, value)
            case .time(let value):
                guard let time = TokenText.time(token.span) else { return false }
                return comparison.holds(time, value)
            case .text(let value): return comparison.holds(Self.text(token), Array(value.utf8))
            }
        }
    }

    private static func text(_ token: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        PropertyText.appendText(of: token.span, to: &out)
        return out
    }
}

extension PropertyTest.Scalar {
    fileprivate func equals(_ token: [UInt8]) -> Bool {
        let isText = token.first == 0x22
        switch self {
        case .text(let value):
            guard isText else { return false }
            var text: [UInt8] = []
            PropertyText.appendText(of: token.span, to: &text)
            return text.elementsEqual(value.utf8)
        case .bool(let value): return token.elementsEqual((value ? "true" : "false").utf8)
        case .number(let written):
            let value = Double(written) ?? .nan
            let isSame = !isText && TokenText.number(token.span) == value
            // Beyond 2⁵³ a double no longer tells whole numbers apart: their digits do.
            guard abs(value) >= 9_007_199_254_740_992, !written.contains(where: { ".eE".contains($0) }) else {
                return isSame
            }
            return token.elementsEqual(written.utf8) || isSame && token.contains { [0x2e, 0x45, 0x65].contains($0) }
        }
    }
}

extension PropertyTest.Comparison {
    fileprivate func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
        switch self {
        case .greater: a > b
        case .greaterOrEqual: a >= b
        case .less: a < b
        case .lessOrEqual: a <= b
        }
    }

    /// Texts by their bytes, which is the order of code points.
    fileprivate func holds(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        let (before, after) = (a.lexicographicallyPrecedes(b), b.lexicographicallyPrecedes(a))
        switch self {
        case .greater: return after
        case .greaterOrEqual: return !before
        case .less: return before
        case .lessOrEqual: return !after
        }
    }
}

extension [UInt8] {
    fileprivate func containsBytes(_ part: [UInt8]) -> Bool {
        if part.isEmpty { return true }
        guard part.count <= count else { return false }
        return (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
