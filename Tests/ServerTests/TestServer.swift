import AsyncHTTPClient
import Control
import Glibc
import Logging
import Model
import NIOCore
import NIOHTTP1
import Server

/// A server of its own folder on a free port of loopback, and a client for it.
struct TestServer: Sendable {
    let directory: String
    let port: Int
    let writeKey: String
    let secretKey: String
    let server: SluiceServer
    let client: HTTPClient

    /// One answer, read to its end.
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSONValue { (try? JSONValue(text: text)) ?? .null }
        /// The rows of a list.
        var rows: [JSONValue] { json["data"]?.arrayValue ?? [] }
    }

    /// Sends a request over TCP; `key` nil sends none.
    func send(
        _ method: HTTPMethod, _ path: String, key: String? = nil, headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        let own = key.map { [("Authorization", "Bearer \($0)")] } ?? []
        return try await execute("http://127.0.0.1:\(port)\(path)", method, own + headers, body)
    }

    /// Sends a request over the socket in the data folder.
    func sendOnSocket(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Answer {
        let socket = ServerConfiguration.socketPath(in: directory).split(separator: "/").joined(separator: "%2F")
        return try await execute("http+unix://%2F\(socket)\(path)", method, headers, body)
    }

    private func execute(
        _ url: String, _ method: HTTPMethod, _ headers: [(String, String)], _ body: [UInt8]?
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await client.execute(request, timeout: .seconds(300))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: [UInt8](buffer: bytes))
    }

    /// Sends items natively with the write key.
    @discardableResult
    func collect(_ events: JSONValue, key: String? = nil) async throws -> Answer {
        let body: JSONValue = ["events": events]
        return try await send(.POST, "/v1/events", key: key ?? writeKey, body: Array(body.text.utf8))
    }

    /// Runs an export to its end and returns the run and the file's text.
    func export(_ spec: JSONValue) async throws -> (run: JSONValue, file: String) {
        let made = try await send(.POST, "/v1/exports", key: secretKey, body: Array(spec.text.utf8))
        let id = made.json["id"]?.stringValue ?? "none: \(made.text)"
        let run = try await finished(id)
        return (run, try await send(.GET, "/v1/exports/\(id)/file", key: secretKey).text)
    }

    /// Asks for a run until it has ended; the answer itself is what is waited for, at most a minute.
    func finished(_ id: String) async throws -> JSONValue {
        let deadline = ContinuousClock.now + .seconds(300)
        while true {
            let run = try await send(.GET, "/v1/exports/\(id)", key: secretKey).json
            if !["queued", "running"].contains(run["status"]?.stringValue ?? "") || .now > deadline { return run }
            await Task.yield()
        }
    }
}

/// An initialised folder under /tmp that is removed at the end.
struct DataFolder {
    let path: String
    let made: NewProject

    static func with<T>(_ body: (DataFolder) async throws -> T) async throws -> T {
        let path = "/tmp/sluice-test-\(UInt64.random(in: 0...(.max)))"
        defer { removeTree(path) }
        return try await body(DataFolder(path: path, made: try ControlStore.initialize(directory: path)))
    }

    /// Runs a server on the folder while `body` runs, and shuts it down in order.
    func serve<T: Sendable>(
        _ configure: (inout ServerConfiguration) -> Void = { _ in },
        _ body: @Sendable (TestServer) async throws -> T
    ) async throws -> T {
        var configuration = ServerConfiguration(dataDirectory: path)
        configuration.listen = .init(host: "127.0.0.1", port: 0)
        configuration.logLevel = .critical
        configuration.engineThreads = 2
        configuration.shutdownSeconds = nil
        configure(&configuration)
        let server = try await buildServer(configuration, logger: Logger.sluice(level: .critical))
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        let client = HTTPClient(configuration: settings)
        let made = made
        let path = path
        let result = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            guard let port = await server.port() else { throw CancellationError() }
            let result: Result<T, any Error>
            do {
                result = .success(
                    try await body(
                        TestServer(
                            directory: path, port: port, writeKey: made.writeKey, secretKey: made.secretKey,
                            server: server, client: client)))
            } catch {
                result = .failure(error)
            }
            try await client.shutdown()
            await server.shutDown()
            try await group.waitForAll()
            return result
        }
        return try result.get()
    }
}

/// A folder and a server for one test.
func withServer<T: Sendable>(
    _ configure: (inout ServerConfiguration) -> Void = { _ in },
    _ body: @Sendable (TestServer) async throws -> T
) async throws -> T {
    try await DataFolder.with { folder in try await folder.serve(configure, body) }
}

/// Removes a folder and everything in it.
private func removeTree(_ path: String) {
    guard let folder = unsafe opendir(path) else {
        _ = unsafe unlink(path)
        return
    }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
        // The name is a C array inside the entry, which lives until the next call.
        names.append(
            unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            })
    }
    unsafe closedir(folder)
    for name in names where name != "." && name != ".." { removeTree(path + "/" + name) }
    _ = unsafe rmdir(path)
}
