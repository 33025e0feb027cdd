internal import Model

/// Which columns of people and events somebody may see: the one type that whatever gives them out asks.
///
/// A list names built-in columns, `properties.NAME` of events and `person.NAME` of persons (on people, too, where a column
/// is written `properties.NAME`), and `properties.*` and `person.*` for all of them. Names are exact, whatever they hold.
public struct ColumnGrant: Sendable, Equatable {
    /// Nil for every column.
    private let names: Set<ExactText>?

    /// Every column.
    public static let all = ColumnGrant(nil)

    /// - Parameter list: the columns; nil for every one.
    public init(_ list: [String]?) { names = list.map { Set($0.map { ExactText($0) }) } }

    /// Whether nothing is kept back.
    public var isAll: Bool { names == nil }

    /// Whether a column may be seen.
    public func allows(_ need: ColumnNeed) -> Bool {
        guard let names else { return true }
        if names.contains(ExactText(need.text)) { return true }
        return switch need {
        // Whoever sees all events still does not see what somebody else's formula makes of them.
        case .builtin, .computed: false
        case .property: allows(.properties)
        case .properties: names.contains(ExactText(BuiltinColumn.properties.rawValue))
        case .person: allows(.personProperties)
        case .personProperties: false
        // Whoever may see all events with their times can count them.
        case .measure(let measure, _):
            allows(.builtin(.event)) && allows(.builtin(.personID))
                && (measure == .count || allows(.builtin(.timestamp)))
        }
    }

    /// The first of the columns, in the order of their names, that may not be seen.
    public func missing(of needs: some Sequence<ColumnNeed>) -> ColumnNeed? {
        guard !isAll else { return nil }
        return needs.filter { !allows($0) }.min { $0.text < $1.text }
    }

    /// Whether a text can stand in a list.
    ///
    /// - Parameter computed: the computed columns of people that there are.
    public static func isColumn(_ text: String, computed: [String] = []) -> Bool {
        for prefix in ["properties.", "person."] where text.utf8.starts(with: prefix.utf8) {
            return (1...255).contains(text.utf8.count - prefix.utf8.count)
        }
        for measure in EventMeasure.allCases where text.utf8.starts(with: "\(measure.rawValue)(".utf8) {
            return text.utf8.last == UInt8(ascii: ")") && text.utf8.count > measure.rawValue.utf8.count + 2
        }
        return BuiltinColumn(rawValue: text) != nil || computed.contains(text)
    }
}
