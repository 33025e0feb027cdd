internal import Model

/// Where a list goes on: opaque to callers, made of numbers that say what was shown last.
struct Cursor: Equatable {
    /// The lists that have cursors; a cursor of one list is refused by another.
    enum List: String, CaseIterable {
        case people = "p"
        case events = "e"
        case changes = "c"
        case aliases = "a"
        case rejects = "r"
        case matches = "s"
        /// Events, towards those that were shown before.
        case eventsBack = "b"
        case sessions = "t"

        /// How many numbers its cursor holds.
        var width: Int {
            switch self {
            case .people, .aliases, .rejects: 1
            case .sessions: 2
            case .events, .eventsBack: 3
            case .changes: 4
            case .matches: 6
            }
        }
    }

    let list: List
    let numbers: [Int64]

    init(_ list: List, _ numbers: Int64...) {
        self.list = list
        self.numbers = numbers
    }

    /// `e.3a.bq7.c`: the list, then its numbers in base 32.
    var text: String {
        ([list.rawValue] + numbers.map { Base32.encode(UInt64(bitPattern: $0)) }).joined(separator: ".")
    }

    /// Reads what `text` wrote; nil stays nil, since the first page has no cursor.
    static func parse(_ text: String?, _ list: List) throws(PeopleError) -> [Int64]? {
        guard let text else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.dropFirst().compactMap { Base32.decode($0) }.map { Int64(bitPattern: $0) }
        guard parts.first.map(String.init) == list.rawValue, numbers.count == list.width, parts.count == list.width + 1
        else {
            throw PeopleError.strangeCursor
        }
        return numbers
    }
}
