import Model

/// One export from the request to the finished files.
struct ExportRun: Sendable {
    private static let shortestPause = Duration.milliseconds(20)
    private static let longestPause = Duration.milliseconds(500)

    let client: APIClient
    var spec: JSONValue
    let target: ExportTarget

    /// Runs it; Ctrl-C cancels the run on the server, too. Whoever watches sees first what it will come to.
    ///
    /// - Returns: The manifest.
    func run() async throws -> JSONValue {
        var line = ProgressLine()
        defer { line.clear() }
        var estimate: Estimate?
        if Terminal.isInteractive {
            // Nobody needs it: an older server has none, and what is wrong with the export is said by the export itself.
            estimate = try? await Estimate.ask(client, spec)
            if let estimate { line.show("to write: \(estimate.text)") }
        }
        return try await start(estimate)
    }

    private func start(_ estimate: Estimate?) async throws -> JSONValue {
        if case .folder(let path) = target, !client.isLocal { return try await runAway(path, estimate) }
        return try await run(estimate) { id, manifest in
            try await fetch(manifest, of: id)
            return manifest
        }
    }

    /// Adds what another machine's server makes to a folder here, whose last run says where it begins.
    private func runAway(_ path: String, _ estimate: Estimate?) async throws -> JSONValue {
        let download = try await LayoutDownload(client, folder: path)
        var more = self
        more.spec = download.continuing(spec)
        return try await more.run(estimate) { id, manifest in try await download.run(manifest, of: id) }
    }

    /// - Parameter fetch: brings a finished export to where it should go; returns the manifest as it is there.
    private func run(
        _ estimate: Estimate?,
        fetch: @escaping @Sendable (_ id: String, _ manifest: JSONValue) async throws -> JSONValue
    ) async throws -> JSONValue {
        let started = try await client.patiently { try await client.json(.post, "/v1/exports", body: request) }
        guard let id = started["id"]?.stringValue else {
            throw Failure(.failed, "\(client.name): the export has no id; is that a Sluice server?")
        }
        do {
            return try await interruptible {
                let made = try await wait(for: id, estimate)
                let manifest: JSONValue
                do { manifest = try await fetch(id, made) } catch {
                    await removeCopy(id)
                    throw error
                }
                await removeCopy(id)
                return manifest
            }
        } catch is Interrupted {
            // Best effort: the server may have ended the run, or be gone itself.
            _ = try? await client.json(.delete, "/v1/exports/\(id)")
            throw Failure(.failed, "interrupted; the export was cancelled and no file was written")
        }
    }

    /// Brings a finished export to where it should go, if the server has not written it there itself.
    private func fetch(_ manifest: JSONValue, of id: String) async throws {
        let parts = manifest["parts"]?.arrayValue?.count ?? 1
        switch target {
        case .file where client.isLocal, .folder: break
        case .file(let path): try await ExportDownload(client: client, id: id, path: path).run(manifest)
        case .standardOutput:
            try await ExportDownload.copy(client, id: id, parts: parts) { try await PipeWriter.write($0) }
        case .stream(let path):
            let stream = try await OutStream(path)
            try await ExportDownload.copy(client, id: id, parts: parts) { try await stream.write($0) }
        }
    }

    /// Removes the server's own copy, which nobody asks for again: where the reader went away or the download broke, the
    /// export is run again. Best effort: what has been handed on does not fail by it.
    private func removeCopy(_ id: String) async {
        if target.path != nil, client.isLocal { return }
        _ = try? await client.open(.delete, "/v1/exports/\(id)")
    }

    /// The specification; a server that runs here writes the file itself.
    private var request: JSONValue {
        guard let path = target.path, client.isLocal, case .object(let members) = spec else { return spec }
        return .object(members + [.init("out", .string(path))])
    }

    /// Waits until the run has ended, and shows how far it is.
    private func wait(for id: String, _ estimate: Estimate?) async throws -> JSONValue {
        let whole = estimate.map { " of \($0.text)" } ?? ""
        var line = ProgressLine()
        defer { line.clear() }
        let began = ContinuousClock.now
        while true {
            let run = try await client.json(.get, "/v1/exports/\(id)")
            let status = Text.plain(run["status"])
            switch status {
            case "succeeded":
                if let manifest = run["manifest"], case .object = manifest { return manifest }
                return try await client.json(.get, "/v1/exports/\(id)/manifest")
            case "failed":
                let reason = Text.named(run, "error", "detail")
                throw Failure(.failed, "the export failed: \(reason.isEmpty ? "the server gave no reason" : reason)")
            case "cancelled": throw Failure(.failed, "the export was cancelled on the server")
            default:
                let rows = run["progress"]?["rows"]?.intValue ?? 0
                let percent = Double(Text.plain(run["progress"]?["percent"]))
                line.show("\(status), \(Text.count(rows, "row"))\(whole)", share: percent.map { $0 / 100 })
            }
            // A fiftieth of the time so far: a short export is not held up, a long one is not asked about all the time.
            let pause = (ContinuousClock.now - began) / 50
            try await Task.sleep(for: min(max(pause, Self.shortestPause), Self.longestPause))
        }
    }
}
