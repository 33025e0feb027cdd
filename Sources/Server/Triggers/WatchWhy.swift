internal import EventStore
internal import Model
internal import Triggers
internal import Webhooks

/// Why a trigger that is watched did not fire because of somebody: the first thing that stood against it.
enum WatchWhy {
    static func text(
        _ watch: TriggerWatch, _ record: TriggerRecord, kept: JSONValue, _ exchange: Exchange
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
            return isLeft
                ? "the person was not \(what) since the trigger was made, or a cooldown was not over"
                : "the person was not \(what) at any look since the trigger was made"
        }
    }
}
