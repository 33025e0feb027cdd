internal import DuckDB
internal import EventStore
public import Model

/// What a report came to.
public struct ReportAnswer: Sendable {
    /// What the answer was made of.
    struct Looked: Sendable, Equatable {
        var events: Int64 = 0
        var people: Int64 = 0
    }

    let report: Report
    let asOfSeq: Int64
    let looked: Looked
    /// The members that the kind has.
    let result: [JSONValue.Member]

    /// The document.
    ///
    /// - Parameter milliseconds: how long it took.
    public func json(milliseconds: Int64) -> JSONValue {
        let frame = report.frame
        var members: [JSONValue.Member] = [.init("type", .string(report.kind.rawValue))]
        members += result
        members += [
            .init("from", frame.from.map { .string($0.text) } ?? .null),
            .init("to", frame.to.map { .string($0.text) } ?? .null),
            .init("timezone", .string(frame.timezone)),
            .init("looked_at", ["events": JSONValue(looked.events), "people": JSONValue(looked.people)]),
            .init("as_of", .string(frame.asOf.text)), .init("as_of_seq", JSONValue(asOfSeq)),
            .init("query_ms", JSONValue(milliseconds)),
        ]
        return .object(members)
    }
}

/// A group's value in an answer: the JSON value itself, null for those who have none.
struct GroupKey: Sendable, Equatable {
    let token: String?
    /// All values that are not shown.
    let isOther: Bool

    var members: [JSONValue.Member] {
        if isOther { return [.init("key", "other"), .init("other", true)] }
        // A token that was stored is a value; what is none is shown as its text.
        return [.init("key", token.map { (try? JSONValue(text: $0)) ?? .string($0) } ?? .null)]
    }
}
