import Model

/// The store itself, as its server sees it: the running one, or one that opens the folder for a moment.
enum StoreChecks {
    static func run(_ path: String) async -> [Check] {
        do {
            let folder = try DataFolder(path)
            let isLive = folder.hasLiveServer
            let opened = Check(
                "server", .ok, isLive ? "running, answers at \(folder.socket)" : "none is running; the folder opens")
            return try await [opened] + checks(folder, isLive: isLive)
        } catch let failure as Failure {
            return [Check("journal", .failed, failure.message)]
        } catch {
            return [Check("journal", .failed, "\(error)")]
        }
    }

    private static func checks(_ folder: DataFolder, isLive: Bool) async throws -> [Check] {
        if isLive {
            return try await APIClient.withClient(socket: folder.socket, project: nil) { try await read($0) }
        }
        return try await LocalServer.run(folder) {
            try await APIClient.withClient(socket: folder.socket, project: nil) { try await read($0) }
        }
    }

    private static func read(_ client: APIClient) async throws -> [Check] {
        let status = try await client.json(.get, "/v1/status")
        return [timers(status["held_timers"])]
            + (status["projects"]?.arrayValue ?? []).flatMap { project in
                let name = Text.plain(project["project"])
                return [journal("journal of \(name)", project), store("store of \(name)", project)]
            }
    }

    private static func timers(_ held: JSONValue?) -> Check {
        guard let held, held != .null else {
            return Check("timers", .ok, "what triggers wait for fires when it is due")
        }
        return Check(
            "timers", .warning,
            "held until \(Text.plain(held["until"])), since the machine's clock leapt ahead by "
                + "\(Text.count(held["leap_seconds"]?.intValue ?? 0)) s: set the clock right, or if it is, let them go with "
                + "'sluice triggers resume-timers'")
    }

    /// What a project's status says of its journal.
    private static func journal(_ title: String, _ status: JSONValue) -> Check {
        let journal = status["journal"] ?? .null
        if let refusal = journal["refusal"], refusal != .null {
            return Check(title, .failed, "writing is refused: \(Text.plain(refusal))")
        }
        if let damage = journal["damage"]?.arrayValue?.first {
            return Check(title, .failed, "damaged: \(Text.plain(damage))")
        }
        if let torn = journal["torn_tail"], torn != .null {
            let bytes = Text.bytes(torn["bytes"]?.intValue ?? 0)
            return Check(
                title, .warning,
                "a torn tail (\(bytes)) was cut at the start and saved as \(Text.plain(torn["saved_as"]))")
        }
        return Check(title, .ok, "whole, up to seq \(Text.count(status["durable_seq"]?.intValue ?? 0))")
    }

    /// What a project's status says of the store that follows the journal.
    private static func store(_ title: String, _ status: JSONValue) -> Check {
        let store = status["store"] ?? .null
        for name in ["error", "reason"] {
            if let reason = store[name], reason != .null {
                return Check(title, .failed, "storing has stopped: \(Text.plain(reason))")
            }
        }
        return Check(title, .ok, "stored up to seq \(Text.count(status["applied_seq"]?.intValue ?? 0))")
    }
}
