internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import Webhooks

/// `GET /v1/status`: how far each project is, how large, and what is wrong with it.
enum StatusRoutes {
    static let routes = [Route(.get, "/v1/status", .scope(.admin), audit: .none, status)] + MetricsRoute.routes

    private static func status(_ exchange: Exchange) async throws -> Response {
        let caller = try exchange.requireCaller()
        var projects: [JSONValue] = []
        for runtime in exchange.app.projects.all where caller.governsProjects || runtime.name == caller.project {
            projects.append(await self.project(runtime, exchange))
        }
        var members: [JSONValue.Member] = [
            .init("version", .string(ServerState.version)), .init("started_at", JSONValue(exchange.app.startedAt)),
            .init("now", JSONValue(exchange.receivedAt)), .init("projects", .array(projects)),
            .init("held_timers", held(exchange.app.webhooks.sender.heldTimers())),
        ]
        if caller.governsProjects {
            members.append(.init("unknown_keys", unknownKeys(exchange.app.unknownKeys)))
        }
        return .json(.object(members))
    }

    /// Timers that wait, since the machine's clock leapt ahead.
    private static func held(_ timers: HeldTimers?) -> JSONValue {
        guard let timers else { return .null }
        return [
            "since": .string(timers.since.text), "until": .string(timers.until.text),
            "leap_seconds": JSONValue(timers.leapSeconds),
        ]
    }

    private static func project(_ runtime: ProjectRuntime, _ exchange: Exchange) async -> JSONValue {
        let journal = runtime.journal.status
        var members: [JSONValue.Member] = [
            .init("project", .string(runtime.name)), .init("ready", .bool(runtime.unreadyReason == nil)),
            .init("durable_seq", JSONValue(journal.durableSeq)),
            .init("applied_seq", JSONValue(runtime.store.appliedSeq)),
            .init("exports_running", JSONValue(exchange.app.exports.runningCount(project: runtime.name))),
            .init("journal", self.journal(journal)), .init("people", people(runtime.store.peopleSnapshot)),
        ]
        do throws(StoreError) {
            let store = try await runtime.store.status(durableSeq: journal.durableSeq, now: exchange.receivedAt)
            members.insert(.init("lag_items", JSONValue(store.lagItems)), at: 4)
            members.insert(.init("lag_seconds", .number("\(store.lagSeconds)")), at: 5)
            members.append(.init("store", self.store(store)))
        } catch {
            // The status is what one looks at when the store is ill: it answers all the same.
            members.append(.init("store", ["error": .string(error.message)]))
        }
        return .object(members)
    }

    /// How far the table of people is.
    private static func people(_ snapshot: PeopleSnapshot) -> JSONValue {
        [
            "seq": JSONValue(snapshot.seq), "change_seq": JSONValue(snapshot.changeSeq),
            "pending": JSONValue(snapshot.pending),
        ]
    }

    private static func journal(_ status: JournalStatus) -> JSONValue {
        [
            "bytes": JSONValue(status.bytesOnDisk), "segments": JSONValue(status.segments),
            "oldest_seq": JSONValue(optional: status.oldestSeq), "backlog_bytes": JSONValue(status.backlogBytes),
            "queued_bytes": JSONValue(status.bytesQueued), "frames": JSONValue(status.counters.frames),
            "refusal": status.refusal.map { .string("\($0.code.rawValue): \($0.message)") } ?? nil,
            "torn_tail": status.tornTail.map {
                [
                    "file": .string($0.file), "offset": JSONValue($0.offset), "bytes": JSONValue($0.bytes),
                    "saved_as": .string($0.savedAs),
                ]
            } ?? nil,
            "damage": .array(status.damage.map { .string($0.message) }),
            "duplicate_ids": JSONValue(status.duplicates.sealedIDs),
            "duplicate_bytes": JSONValue(status.duplicates.bytes),
        ]
    }

    private static func store(_ status: StoreStatus) -> JSONValue {
        let state: String
        var reason: String?
        switch status.state {
        case .idle: state = "idle"
        case .following: state = "following"
        case .retrying(let text): (state, reason) = ("retrying", text)
        case .stopped(let text): (state, reason) = ("stopped", text)
        }
        return [
            "state": .string(state), "reason": JSONValue(reason), "last_error": JSONValue(status.lastError?.message),
            "file_bytes": JSONValue(status.fileBytes), "log_bytes": JSONValue(status.logBytes),
            "hot_rows": JSONValue(status.hotRows), "sealed_generations": JSONValue(status.sealedGenerations),
            "cold_files": JSONValue(status.coldFiles), "cold_bytes": JSONValue(status.coldBytes),
            "compacting": .bool(status.isCompacting),
            "compaction_error": JSONValue(status.compactionError?.message),
            "rows": .object(status.rows.sorted { $0.key < $1.key }.map { .init($0.key, JSONValue($0.value)) }),
        ]
    }

    private static func unknownKeys(_ unknown: UnknownKeys) -> JSONValue {
        [
            "count": JSONValue(unknown.count),
            "latest": .array(
                unknown.latest(20).map {
                    ["at": JSONValue($0.at), "key": .string($0.key), "path": .string($0.path)]
                }),
        ]
    }
}
