import ArgumentParser
import AsyncHTTPClient
import Model
import NIOCore
import Pipelines

struct PipelineCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a file of pipelines, without a store: errors with line and column.",
        discussion: """
            Segments, reports, endpoints and triggers can stand in the same file, under their names. All errors are told, each as \
            FILE:LINE:COLUMN. With --json a file that is not good gives {"errors": [{"line", "column", "message"}]}, and exit code 64.
            """)

    @Argument(help: "The file.") var file: String

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let read: PipelineFile
        do { read = try PipelineFile(text: try SmallFile.read(file)) } catch let error as PipelineError {
            if json { try Terminal.line(Self.errors(error).text) }
            throw PipelineSource.failure(error, file)
        }
        let sections = Self.sections(read)
        if json {
            var members = sections.map { JSONValue.Member($0.name, .array($0.names.map { .string($0) })) }
            members.append(.init("notes", .array(read.notes.map(Self.json))))
            return try Terminal.line(JSONValue.object(members).text)
        }
        let names = sections.first?.names ?? []
        var parts = [names.isEmpty ? "no pipeline" : names.joined(separator: ", ")]
        for section in sections.dropFirst() where !section.names.isEmpty {
            parts.append("\(section.name) \(section.names.joined(separator: ", "))")
        }
        try Terminal.line("\(file) is good: \(Text.visible(parts.joined(separator: "; ")))")
        for note in read.notes { try Terminal.line("note: \(PipelineSource.line(note, file))") }
    }

    private static func sections(_ file: PipelineFile) -> [(name: String, names: [String])] {
        var sections: [(name: String, names: [String])] = [
            ("pipelines", file.pipelines.map(\.name)), ("destinations", file.destinations.map(\.name)),
            ("alerts", file.alerts.map(\.name)),
        ]
        for kind in FileThing.Kind.allCases {
            sections.append((kind.section, file.things.filter { $0.kind == kind }.map(\.name)))
        }
        return sections
    }

    private static func errors(_ error: PipelineError) -> JSONValue { ["errors": .array(error.all.map(json))] }

    private static func json(_ error: PipelineError) -> JSONValue {
        [
            "line": error.place.map { JSONValue(Int64($0.line)) } ?? .null,
            "column": error.place.map { JSONValue(Int64($0.column)) } ?? .null, "message": .string(error.message),
        ]
    }
}

struct PipelinePlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what applying a file of pipelines would change.")

    @Argument(help: "The file.") var file: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let plan = try await PipelineSource.send(file, to: "/v1/pipelines/plan", connection)
        if json { return try Terminal.line(plan.text) }
        for line in PipelineText.plan(plan) { try Terminal.line(line) }
    }
}

struct PipelineApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make or change what a file defines; what is as the file says stays.",
        discussion: """
            Pipelines, destinations, alerts, segments, reports, endpoints and triggers are found by their names. What a file does not name \
            is left alone. The secret of a new endpoint that names none is made, and shown this once.
            """)

    @Argument(help: "The file.") var file: String

    @OptionGroup var connection: ConnectionOptions

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let plan = try await PipelineSource.send(file, to: "/v1/pipelines", connection)
        if json { return try Terminal.line(plan.text) }
        for line in PipelineText.plan(plan) { try Terminal.line(line) }
    }
}

/// A file of pipelines on its way to a server.
enum PipelineSource {
    /// Checks a file here, so that errors name it.
    static func check(_ path: String) throws -> PipelineFile {
        let text = try SmallFile.read(path)
        do { return try PipelineFile(text: text) } catch { throw failure(error, path) }
    }

    /// A line for each error, in the form that editors jump to.
    static func failure(_ error: PipelineError, _ path: String) -> Failure {
        Failure(.usage, error.all.map { line($0, path) }.joined(separator: "\n"))
    }

    static func line(_ error: PipelineError, _ path: String) -> String {
        Text.visible(
            error.place.map { "\(path):\($0.line):\($0.column): \(error.message)" } ?? "\(path): \(error.message)")
    }

    static func send(_ path: String, to route: String, _ connection: ConnectionOptions) async throws -> JSONValue {
        _ = try check(path)
        let text = try SmallFile.read(path)
        return try await Session.run(connection) { client in
            let response = try await client.open(
                .post, route, headers: [("Accept", "application/json"), ("Content-Type", "application/yaml")],
                body: .bytes(ByteBuffer(string: text)))
            return try await APIClient.document(response, from: client.name)
        }
    }
}
