import Control
import Glibc
import Logging
import Model
import NIOHTTP1
import Server
import Testing

@Suite("A data folder is its owner's, and one server's at a time")
struct DataFolderTests {
    @Test("The socket lets its owner in without a key, to the project that is named")
    func socket() async throws {
        try await withServer { (server) async throws in
            try #require(await server.server.socketIsReady())
            #expect(mode(ServerConfiguration.socketPath(in: server.directory)) == 0o600)
            #expect(mode(ControlStore.path(in: server.directory)) == 0o600)
            let body = Array(#"{"events":[{"identity":"ann","event":"E"}]}"#.utf8)
            #expect(try await server.sendOnSocket(.POST, "/v1/events", body: body).json["accepted"] == 1)
            #expect(try await server.sendOnSocket(.GET, "/v1/people").rows.count == 1)
            let other = [("Sluice-Project", "nobody")]
            #expect(try await server.sendOnSocket(.GET, "/v1/people", headers: other).status == 404)
            // A key that is sent counts, and limits.
            let key = [("Authorization", "Bearer \(server.writeKey)")]
            #expect(try await server.sendOnSocket(.GET, "/v1/people", headers: key).status == 403)
        }
    }

    @Test("Two servers never share a folder, and a second init changes nothing")
    func locked() async throws {
        try await withServer { (server) async throws in
            var configuration = ServerConfiguration(dataDirectory: server.directory)
            configuration.listen = nil
            #expect(await refusal(configuration) == .locked)
            #expect(refusal(initializing: server.directory) == .alreadyInitialized)
            #expect(try await server.send(.GET, "/v1/people", key: server.secretKey).status == 200)
        }
    }
}

/// Why a second server on a folder does not start.
private func refusal(_ configuration: ServerConfiguration) async -> ServerError.Code? {
    do throws(ServerError) {
        _ = try await buildServer(configuration, logger: Logger.sluice(level: .critical))
        return nil
    } catch {
        return error.code
    }
}

/// Why a folder is not initialised again.
private func refusal(initializing directory: String) -> ControlError.Code? {
    do throws(ControlError) {
        _ = try ControlStore.initialize(directory: directory)
        return nil
    } catch {
        return error.code
    }
}

private func mode(_ path: String) -> UInt32 {
    var info = stat()
    // The call fills the structure that it is lent.
    guard unsafe stat(path, &info) == 0 else { return 0 }
    return info.st_mode & 0o777
}
