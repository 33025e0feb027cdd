internal import EventStore
internal import Model
internal import People
internal import Triggers
internal import Webhooks

/// Why a trigger that is watched did not fire because of somebody: the first thing that stood against it.
enum WatchWhy {
    static func text(
        _ watch: TriggerWatch, _ record: TriggerRecord, kept: JSONValue, person: PersonID?, _ exchange: Exchange
    ) async throws -> String {
        guard record.state == .enabled else { return "the trigger is \(record.state.rawValue)" }
        let health = try await exchange.app.webhooks.store.health(record, now: exchange.receivedAt)["watch"]
        if let error = health?["error"]?.stringValue { return "it could not be looked at: \(error)" }
        guard health?["ready"] == true else { return "what was so when the trigger was made is still being looked at" }
        let isLeft = if case .segment(_, .left) = watch { true } else { false }
        let what =
            switch watch {
            case .segment(let id, _): "in the segment \(id)"
            case .column(let name, let threshold): "\(threshold.side.rawValue) the bound by \(name)"
            case .report: "beyond the bound"
            }
        if case .report = watch { return "it is about nobody: see its health for the number" }
        switch kept["state"]?.stringValue {
        case "pending": return "the person is \(what), but has not been for long enough (\"for\")"
        case "beyond" where isLeft: return "the person is \(what) and has not left it"
        case "beyond":
            return
                "the person is \(what), and was so when it was looked at first (or a cooldown was not over): only who crosses it fires"
        default:
            if case .column(let name, let threshold) = watch {
                let value = try await value(of: name, person, exchange)
                let bound = threshold.bound.formatted
                guard value != .null else { return "the person has no \(name)" }
                let isBeyond = threshold.reading(TriggerWatcher.number(value)) == .beyond
                return isBeyond
                    ? "\(name) is \(value.text) now, which is \(threshold.side.rawValue) \(bound): the next look sees it"
                    : "\(name) is \(value.text), which is not \(threshold.side.rawValue) \(bound), and was not at any look since the trigger was made"
            }
            return isLeft
                ? "the person was not \(what) since the trigger was made, or a cooldown was not over"
                : "the person was not \(what) at any look since the trigger was made"
        }
    }

    /// A column's value of somebody now.
    private static func value(of name: String, _ person: PersonID?, _ exchange: Exchange) async throws -> JSONValue {
        let runtime = try exchange.project()
        guard let person,
            let column = try await runtime.columns.columns(at: exchange.receivedAt).first(where: {
                $0.name == name
            })
        else { return .null }
        return try await runtime.store.readPinned { connection, pinned in
            try PeopleReader(connection, pinned).computed([column], of: [person])[person]?[name] ?? .null
        }
    }
}

extension Double {
    /// Without a point where it is a whole number.
    fileprivate var formatted: String { Int64(exactly: self).map { "\($0)" } ?? "\(self)" }
}
