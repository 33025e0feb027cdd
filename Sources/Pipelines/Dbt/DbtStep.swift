internal import Connectors
internal import Destinations
internal import Glibc
internal import Threads

/// One `dbt build`: where it may run, with what, and what came of it.
///
/// It runs in the run's own folder, from which it is gone with the run. What it reads and writes is the warehouse that its profile
/// names, never a file that the server has open.
struct DbtStep: Sendable {
    let plan: DbtPlan
    let tools: RunTools
    /// Whether variables may be the owner's secrets.
    let isTrusted: Bool
    /// The folder of all pipelines' runs, and the run's own below it.
    let base: String
    let folder: String

    /// Builds, and gives back what is to be noted of it.
    ///
    /// - Throws: `ValidationStop` if a model or a test failed and the pipeline stops at that.
    func run() async throws -> DbtFindings {
        guard let program = tools.dbt.program else {
            throw PipelineError(
                .dbt,
                "this server runs no dbt; the operator names the program with --dbt, and its projects' folder with --dbt-folder"
            )
        }
        let step = self
        let (project, secrets) = try await OwnThread.run { () throws -> (String, [String: String]) in
            try RunFolder.make(step.base, step.folder)
            return (try step.place(), try step.values())
        }
        let output = folder + "/dbt.txt"
        let process = try await OwnThread.run {
            try ChildProcess(
                program: program, arguments: step.arguments(project), environment: step.environment(program, secrets),
                folder: project, output: output)
        }
        let end = try await withTimeLimit { try await process.wait() }
        try Task.checkCancellation()
        return try await OwnThread.run {
            let redact = Redaction(secrets.values.sorted { $0.count > $1.count })
            return try step.findings(end, output: output, redact)
        }
    }

    /// The project's folder, links resolved, if the operator opened it. Blocks.
    private func place() throws(PipelineError) -> String {
        guard let project = Self.real(plan.project) else {
            throw PipelineError(.dbt, "there is no folder \(plan.project); sluice dbt init makes a project")
        }
        func lies(below roots: [String]) -> Bool {
            roots.compactMap(Self.real).contains { project == $0 || project.hasPrefix($0 + "/") }
        }
        guard lies(below: tools.dbt.folders) else {
            throw PipelineError(
                .dbt, "\(plan.project) does not lie below a folder that the operator opened for dbt with --dbt-folder")
        }
        // A project is code that runs as the server: whoever may load files must not be able to write one.
        let roots = tools.destinations.roots
        guard !lies(below: roots.allowed + [roots.own]) else {
            throw PipelineError(
                .dbt,
                "\(plan.project) lies below a folder that pipelines may write to; keep dbt's projects apart from these")
        }
        return project
    }

    /// The variables with their secrets. Blocks.
    private func values() throws -> [String: String] {
        let resolver = isTrusted ? tools.ownerSecrets : tools.secrets
        var values = plan.environment
        for (name, value) in plan.environment where SecretReference.isReference(value) {
            do { values[name] = try resolver.resolve(try SecretReference(value)) } catch {
                throw error.of("dbt.env.\(name)")
            }
        }
        return values
    }

    private func arguments(_ project: String) -> [String] {
        var words = [
            "build", "--project-dir", project, "--profiles-dir", project, "--target-path", folder + "/target",
            "--log-path", folder + "/logs", "--no-use-colors",
        ]
        if let target = plan.target { words += ["--target", target] }
        if !plan.select.isEmpty { words += ["--select"] + plan.select }
        if !plan.exclude.isEmpty { words += ["--exclude"] + plan.exclude }
        return words
    }

    /// Nothing of the server's own environment, which has its secrets.
    private func environment(_ program: String, _ values: [String: String]) -> [String: String] {
        let bin = program.lastIndex(of: "/").map { program[..<$0] } ?? ""
        let own = [
            "PATH": bin.isEmpty ? "/usr/bin:/bin" : "\(bin):/usr/bin:/bin", "HOME": folder, "TMPDIR": folder,
            "LANG": "C.UTF-8", "TZ": "UTC", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        ]
        return own.merging(values) { own, _ in own }
    }

    private func findings(
        _ end: ChildProcess.End, output: String, _ redact: Redaction
    ) throws -> DbtFindings {
        let results = folder + "/target/run_results.json"
        guard let bytes = SmallBytes.read(results, atMost: 64 << 20) else {
            let said = String(decoding: SmallBytes.tail(output, 1_200), as: UTF8.self)
            let lines = redact(said).split(whereSeparator: \.isNewline).suffix(6).joined(separator: " | ")
            throw PipelineError(.dbt, "dbt \(end) without results: \(lines)", isTransient: true)
        }
        let found = try DbtFindings(bytes, redact, isWarning: plan.onFailure == .warn)
        guard found.failed.isEmpty else {
            throw ValidationStop(checks: found.checks, isTransient: found.isTransient)
        }
        guard end == .exited(0) || plan.onFailure == .warn else {
            throw PipelineError(.dbt, "dbt \(end), although nothing failed: \(found.note)", isTransient: true)
        }
        return found
    }

    /// Cuts off what takes too long.
    private func withTimeLimit(
        _ body: @escaping @Sendable () async throws -> ChildProcess.End
    ) async throws -> ChildProcess.End {
        let timeout = plan.timeout
        return try await withThrowingTaskGroup(of: ChildProcess.End?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .microseconds(timeout))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let end = first else {
                throw PipelineError(
                    .timeout,
                    "dbt took longer than \(timeout / 1_000_000) s, and was ended; \"timeout\" in \"dbt\" says how long it may take"
                )
            }
            return end
        }
    }

    private static func real(_ path: String) -> String? {
        // realpath's buffer is ours to free.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

/// Takes secrets out of what another program said.
struct Redaction: Sendable {
    private let secrets: [String]

    /// - Parameter secrets: the longest first; short words, which are in every text, are left.
    init(_ secrets: [String]) { self.secrets = secrets.filter { $0.utf8.count >= 6 } }

    func callAsFunction(_ text: String) -> String {
        secrets.reduce(text) { text, secret in
            var (out, rest) = ("", text[...])
            while let range = rest.firstRange(of: secret) {
                out += rest[..<range.lowerBound] + "•••"
                rest = rest[range.upperBound...]
            }
            return out + rest
        }
    }
}
