internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Backups of the whole data folder, on demand.
enum BackupRoutes {
    static let routes = [
        Route(.post, "/v1/backups", .scope(.admin), audit: .act("backups.create"), create),
        Route(.get, "/v1/backups/{id}", .scope(.admin), audit: .none, show),
        Route(.delete, "/v1/backups/{id}", .scope(.admin), audit: .act("backups.cancel"), cancel),
    ]

    private static func create(_ exchange: Exchange) async throws -> Response {
        let body = try Body.parse(try await Body.decoded(exchange, limit: Body.documentBytes))
        try requireOwner(exchange)
        let job = exchange.app.backups.enqueue(try request(body))
        return .json(document(job), status: .accepted)
    }

    private static func show(_ exchange: Exchange) async throws -> Response { .json(document(try job(exchange))) }

    /// Ends one that waits or is being made; its snapshot is not there then.
    private static func cancel(_ exchange: Exchange) async throws -> Response {
        let job = try job(exchange)
        exchange.app.backups.cancel(job)
        return .json(document(job))
    }

    /// A backup holds all projects and goes to a place of the server's machine.
    private static func requireOwner(_ exchange: Exchange) throws {
        guard try exchange.requireCaller().isOwner else {
            throw Problem.forbidden(
                "a backup holds every project and is written on the server's machine: make it there, over the data folder's "
                    + "socket, with: sluice backup FOLDER --data DIR")
        }
    }

    private static func job(_ exchange: Exchange) throws -> BackupService.Job {
        try requireOwner(exchange)
        let written = exchange.parameters[0]
        guard let number = Int64(written), let job = exchange.app.backups.job(number) else {
            throw Problem.notFound("there was no backup \(written.prefix(64)) since the server started")
        }
        return job
    }

    private static func request(_ body: JSONValue) throws -> BackupRequest {
        func invalid(_ detail: String) -> Problem { Problem.badRequest(detail, code: "invalid_backup") }
        guard case .object(let members) = body else { throw invalid(#"send {"path": "/absolute/folder"}"#) }
        if let other = members.first(where: { !["path", "keep", "verify"].contains($0.key) }) {
            throw invalid("\"\(other.key)\" is not known; there are path, keep and verify")
        }
        guard let path = body["path"]?.stringValue, path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw invalid("\"path\" is the absolute path of a folder")
        }
        var keep: Int?
        if let value = body["keep"], value != .null {
            guard let number = value.intValue, (1...1_000_000).contains(number) else {
                throw invalid("\"keep\" is how many snapshots stay, the new one included: at least 1")
            }
            keep = Int(number)
        }
        var verify = false
        if let value = body["verify"], value != .null {
            guard let truth = value.boolValue else { throw invalid("\"verify\" is true or false") }
            verify = truth
        }
        return BackupRequest(path: path, keep: keep, verify: verify)
    }

    private static func document(_ job: BackupService.Job) -> JSONValue {
        let word: String
        var members: [JSONValue.Member] = []
        switch job.status {
        case .queued: word = "queued"
        case .running: word = "running"
        case .cancelled: word = "cancelled"
        case .succeeded(let result): (word, members) = ("succeeded", [.init("result", result.json)])
        case .failed(let reason): (word, members) = ("failed", [.init("error", ["detail": .string(reason)])])
        }
        return .object(
            [
                .init("id", .string(String(job.number))), .init("status", .string(word)),
                .init("progress", ["files": JSONValue(job.progress.files), "bytes": JSONValue(job.progress.bytes)]),
            ] + members)
    }
}

extension BackupResult {
    /// The backup as the API shows it.
    var json: JSONValue {
        [
            "folder": .string(folder), "snapshot": .string(name), "files": JSONValue(manifest.files.count),
            "bytes": JSONValue(manifest.bytes), "linked_bytes": JSONValue(counts.linkedBytes),
            "copied_bytes": JSONValue(counts.copiedBytes), "seq": JSONValue(manifest.seq),
            "erasure_epoch": JSONValue(manifest.erasureEpoch),
            "projects": .array(
                manifest.projects.map { project in
                    [
                        "project": .string(project.name), "durable_seq": JSONValue(project.durableSeq),
                        "applied_seq": JSONValue(project.appliedSeq), "erasure_epoch": JSONValue(project.erasureEpoch),
                    ]
                }),
            "removed": .array(removed.map { ["snapshot": .string($0.name), "reason": .string($0.reason)] }),
            "damaged": .array(damaged.map { .string($0) }),
        ]
    }
}
