import ArgumentParser
import AsyncHTTPClient
import Model
import NIOCore
import Pipelines

struct PipelineCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a file of pipelines, without a store: errors with line and column.")

    @Argument(help: "The file.") var file: String

    @Flag(name: .long, help: Self.jsonHelp)
    var json = false

    func run() async throws {
        let read = try PipelineSource.check(file)
        let names = read.pipelines.map(\.name)
        if json {
            let answer: JSONValue = [
                "pipelines": .array(names.map { .string($0) }),
                "destinations": .array(read.destinations.map { .string($0.name) }),
            ]
            return try Terminal.line(answer.text)
        }
        try Terminal.line("\(file) is good: \(names.isEmpty ? "no pipeline" : names.joined(separator: ", "))")
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
        commandName: "apply", abstract: "Make or change the pipelines and destinations of a file.")

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
        do { return try PipelineFile(text: text) } catch {
            throw Failure(
                .usage,
                error.place.map { "\(path):\($0.line):\($0.column): \(error.message)" } ?? "\(path): \(error.message)")
        }
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
