import Connectors
import Control
import Destinations
import Foundation
import Logging
import Model
import Testing

@testable import Pipelines

@Suite("Building models with dbt")
struct DbtTests {
    private static let head =
        "name: p\nexport: { dataset: events }\nload: { destination: { type: folder, path: out } }\n"

    @Test("The step is read from a definition, and kept with it")
    func definition() throws {
        let text =
            Self.head + """
                dbt: { project: /srv/models, target: postgres, select: [+fct_events, tag:daily], on_failure: warn, timeout: 10m,
                       env: { DBT_ENV_SECRET_WAREHOUSE_PASSWORD: secret://env/PW, WAREHOUSE_HOST: db } }
                """
        let pipeline = try #require(try PipelineFile(text: text).pipelines.first)
        let plan = try #require(pipeline.dbt)
        #expect(plan.project == "/srv/models" && plan.target == "postgres" && plan.onFailure == .warn)
        #expect(plan.select == ["+fct_events", "tag:daily"] && plan.timeout == 600_000_000)
        #expect(plan.environment["WAREHOUSE_HOST"] == "db")
        #expect(try PipelineDefinition(json: pipeline.json) == pipeline)
    }

    @Test(
        "What could run something else, or holds a secret, is refused",
        arguments: [
            ("dbt: { target: x }", "\"project\" is missing"),
            ("dbt: { project: models }", "from / on"),
            ("dbt: { project: /m, select: --vars }", "no selection"),
            ("dbt: { project: /m, select: \"a b\" }", "no selection"),
            ("dbt: { project: /m, env: { LD_PRELOAD: /tmp/x.so } }", "no variable that a pipeline may set"),
            ("dbt: { project: /m, env: { PATH: /tmp } }", "no variable that a pipeline may set"),
            ("dbt: { project: /m, env: { WAREHOUSE_PASSWORD: abc } }", "is a secret"),
            ("dbt: { project: /m, on_failure: ignore }", "stop, warn"),
            ("dbt: { project: /m, vars: x }", "there is no \"vars\""),
        ])
    func refused(line: String, reason: String) {
        let error = #expect(throws: PipelineError.self) { try PipelineFile(text: Self.head + line) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(error?.place?.line == 4)
    }

    private static let results = """
        {"metadata": {}, "results": [
        {"status": "success", "unique_id": "model.sluice.fct_events", "execution_time": 1.234, "message": "OK", "failures": null,
         "adapter_response": {"rows_affected": 31106}},
        {"status": "pass", "unique_id": "test.sluice.unique_fct_events_seq.0123456789", "execution_time": 0.5, "failures": 0},
        {"status": "fail", "unique_id": "test.sluice.my_test", "execution_time": 0.5, "failures": 3,
         "message": "Got 3 results, configured to fail if != 0"},
        {"status": "skipped", "unique_id": "model.sluice.sessions", "execution_time": 0},
        {"status": "no-op", "unique_id": "exposure.sluice.board", "execution_time": 0}]}
        """

    @Test("Results become checks, the failures first")
    func findings() throws {
        let bytes = Array(Self.results.utf8)
        let found = try DbtFindings(bytes, Redaction([]), isWarning: false)
        #expect(found.checks.map(\.outcome) == [.failed, .warned, .passed, .passed])
        #expect(
            found.checks.map(\.message) == [
                "my_test: the test fails; Got 3 results, configured to fail if != 0",
                "sessions was skipped: something that it is built from failed",
                "fct_events was built in 1.23 s, 31106 rows",
                "unique_fct_events_seq holds in 0.5 s",
            ])
        #expect(found.checks.map(\.rule) == ["dbt_test", "dbt_model", "dbt_model", "dbt_test"])
        #expect(found.checks[0].rows == 3 && !found.isTransient)
        #expect(found.note == "1 of dbt's 2 models and 2 tests failed")
        let noted = try DbtFindings(bytes, Redaction([]), isWarning: true)
        #expect(noted.failed.isEmpty && noted.checks[0].outcome == .warned)
    }

    @Test("A model that breaks may be tried again, and no secret is told")
    func errors() throws {
        let text = """
            {"results": [{"status": "error", "unique_id": "model.x.m", "message": "Database Error\\n  no entry for hunter22 at db"}]}
            """
        let found = try DbtFindings(Array(text.utf8), Redaction(["hunter22"]), isWarning: false)
        #expect(found.isTransient)
        #expect(found.checks[0].message == "m: Database Error no entry for ••• at db")
        #expect(throws: PipelineError.self) { try DbtFindings(Array("{".utf8), Redaction([]), isWarning: false) }
        #expect(throws: PipelineError.self) { try DbtFindings(Array("{}".utf8), Redaction([]), isWarning: false) }
    }

    /// A folder with a project and a program that stands for dbt.
    private static func with(
        _ script: String, _ body: (String, DbtStep) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "sluice-dbt-" + UUID().uuidString
        for name in ["/models/p", "/runs", "/data", "/own/p"] {
            try FileManager.default.createDirectory(atPath: folder + name, withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let program = folder + "/dbt"
        try ("#!/bin/sh\n" + script + "\n").write(toFile: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        _ = try ControlStore.initialize(directory: folder + "/data")
        let control = try ControlStore(directory: folder + "/data")
        let policy = OutboundPolicy()
        let tools = RunTools(
            control: control,
            destinations: DestinationTools(
                http: try OutboundClient(policy: policy), policy: policy, resolver: SystemResolver(),
                roots: FolderRoots(own: folder + "/own"), warn: { _ in }),
            dbt: DbtTools(program: program, folders: [folder + "/models", folder + "/own"]), secrets: SecretResolver(),
            ownerSecrets: SecretResolver(), project: { _ in nil }, now: { Timestamp(microseconds: 0) }, boot: "b",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let text = head + "dbt: { project: \(folder)/models/p, select: a, env: { WAREHOUSE_HOST: db } }"
        let plan = try #require(try PipelineFile(text: text).pipelines.first?.dbt)
        try await body(
            folder,
            DbtStep(
                plan: plan, tools: tools, isTrusted: false, base: folder + "/runs", folder: folder + "/runs/p/r/dbt"))
        try control.close()
    }

    @Test("It runs in the project with an environment of its own, and writes into the run's folder")
    func environment() async throws {
        let script = """
            [ "$WAREHOUSE_HOST" = db ] && [ "$PWD" = "$3" ] && [ -z "$SLUICE_DATA" ] || exit 9
            [ "$(env | grep -cvE '^(PATH|HOME|TMPDIR|LANG|TZ|DBT_SEND_ANONYMOUS_USAGE_STATS|WAREHOUSE_HOST|PWD|OLDPWD|SHLVL|_)=')" = 0 ] || exit 8
            [ "$(ls /proc/self/fd | wc -l)" -le 4 ] || exit 7
            mkdir -p "$HOME/target"
            echo '{"results": [{"status": "success", "unique_id": "model.x.m"}]}' > "$HOME/target/run_results.json"
            """
        try await Self.with(script) { folder, step in
            let found = try await step.run()
            #expect(found.note == "dbt built 1 model and 0 tests")
            #expect(FileManager.default.fileExists(atPath: folder + "/runs/p/r/dbt/target/run_results.json"))
        }
    }

    @Test("A program that ends without results is told with what it said")
    func withoutResults() async throws {
        try await Self.with("echo 'Could not find profile'; exit 2") { _, step in
            let error = await #expect(throws: PipelineError.self) { _ = try await step.run() }
            #expect(error?.message == "dbt ended with 2 without results: Could not find profile")
            #expect(error?.isTransient == true)
        }
    }

    @Test("What takes too long is ended, with all that it started")
    func timeout() async throws {
        // The shell is the only one that knows the number; a signal to its group reaches the sleeper, too.
        try await Self.with("sleep 1000 & echo $! > \"$HOME/child\"; wait") { folder, step in
            var plan = step.plan
            plan.timeout = 300_000
            let short = DbtStep(
                plan: plan, tools: step.tools, isTrusted: false, base: step.base, folder: step.folder)
            let error = await #expect(throws: PipelineError.self) { _ = try await short.run() }
            #expect(error?.code == .timeout)
            if let text = try? String(contentsOfFile: folder + "/runs/p/r/dbt/child", encoding: .utf8),
                let child = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
            {
                // Gone, or dead and waiting for whoever reaps orphans; a signal takes a moment to arrive.
                let end = ContinuousClock.now + .seconds(120)
                var state = ""
                repeat {
                    await Task.yield()
                    state = (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)) ?? ") Z"
                } while !state.contains(") Z") && !state.contains(") X") && .now < end
                #expect(state.contains(") Z") || state.contains(") X"))
            }
        }
    }

    @Test("A run that is cancelled ends its program")
    func cancelled() async throws {
        try await Self.with("echo $$ > \"$HOME/own\"; sleep 1000") { folder, step in
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do { _ = try await step.run() } catch { return true }
                    return false
                }
                while !FileManager.default.fileExists(atPath: folder + "/runs/p/r/dbt/own") { await Task.yield() }
                group.cancelAll()
                #expect(await group.next() == true)
            }
        }
    }

    @Test("Projects lie where the operator opened a folder, apart from what pipelines write")
    func places() async throws {
        try await Self.with("exit 0") { folder, step in
            for (project, reason) in [
                (folder + "/data", "--dbt-folder"), (folder + "/none", "no folder"),
                (folder + "/own/p", "may write to"),
            ] {
                var plan = step.plan
                plan.project = project
                let other = DbtStep(
                    plan: plan, tools: step.tools, isTrusted: false, base: step.base, folder: step.folder)
                let error = await #expect(throws: PipelineError.self) { _ = try await other.run() }
                #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
            }
            var tools = step.tools
            tools.dbt = DbtTools()
            let none = DbtStep(plan: step.plan, tools: tools, isTrusted: false, base: step.base, folder: step.folder)
            let error = await #expect(throws: PipelineError.self) { _ = try await none.run() }
            #expect(error?.message.contains("--dbt") == true)
        }
    }
}
