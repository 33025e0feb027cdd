import AsyncHTTPClient
import Control
import Logging
import Model
import NIOCore
import NIOHTTP1
import Server
import Testing

@Suite("The socket in the data folder is shared, and TCP does without it")
struct SocketTests {
    @Test("A server is in use as long as somebody is connected to its socket")
    func connections() async throws {
        try await withServer { (server) async throws in
            try #require(await server.server.socketIsReady())
            let path = ServerConfiguration.socketPath(in: server.directory).split(separator: "/")
                .joined(separator: "%2F")
            let other = HTTPClient(configuration: HTTPClient.Configuration())
            let answered: Bool
            do {
                let request = HTTPClientRequest(url: "http+unix://%2F\(path)/healthz")
                let response = try await other.execute(request, timeout: .seconds(300))
                _ = try await response.body.collect(upTo: 1_024)
                answered = response.status == .ok
            } catch {
                answered = false
            }
            // Its connection stays for the next request.
            let isUnused = await server.server.becomesUnused(within: .milliseconds(200))
            try await other.shutdown()
            #expect(answered)
            #expect(!isUnused)
            #expect(await server.server.becomesUnused(within: .seconds(300)))
        }
    }

    @Test("A server is in use as long as an export that was asked for has not ended")
    func exports() async throws {
        try await withServer { (server) async throws in
            try await server.collect([["identity": "ann", "event": "E"]])
            let body = Array(#"{"dataset":"events"}"#.utf8)
            let made = try await server.send(.POST, "/v1/exports", key: server.secretKey, body: body)
            #expect(await server.server.becomesUnused(within: .seconds(300)))
            let id = made.json["id"]?.stringValue ?? ""
            let run = try await server.send(.GET, "/v1/exports/\(id)", key: server.secretKey)
            #expect(run.json["status"] == "succeeded", "\(run.text)")
        }
    }

    @Test("A folder whose path is too long for a socket is served by TCP, and needs TCP")
    func longPath() async throws {
        try await DataFolder.with { (folder) async throws in
            let path = folder.path + "/" + String(repeating: "x", count: 100)
            let long = DataFolder(path: path, made: try ControlStore.initialize(directory: path))
            try await long.serve { (server) async throws in
                let isReady = await server.server.socketIsReady()
                #expect(!isReady && !server.server.hasSocket)
                #expect(try await server.send(.GET, "/v1/people", key: server.secretKey).status == 200)
            }
            var configuration = ServerConfiguration(dataDirectory: path)
            configuration.listen = nil
            do throws(ServerError) {
                _ = try await buildServer(configuration, logger: Logger.sluice(level: .critical))
                Issue.record("a server without a way in was built")
            } catch {
                #expect(error.code == .cannotListen)
            }
        }
    }
}
