import Dispatch
import Glibc
import Model
import NIOHTTP1
import Server
import Testing

@Suite("A body that does not come is not waited for", .timeLimit(.minutes(15)))
struct BodyWaitTests {
    /// A request whose body holds back all but three bytes.
    private static func half(_ path: String, key: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: sluice\r\nAuthorization: Bearer \(key)\r\nContent-Length: 100\r\n\r\nabc"
    }

    @Test("Held back beyond the limit it is 408, and the connection ends", arguments: ["/v1/events", "/v1/track"])
    func late(path: String) async throws {
        try await withServer({ $0.bodyWait = .milliseconds(50) }) { (server) async throws in
            let connection = try Connection(port: server.port)
            try connection.send(Self.half(path, key: server.writeKey))
            let answer = await connection.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"))
            #expect(answer.contains(#""code":"body_timeout""#))
        }
    }

    @Test("A KISSmetrics call without its body gets its GIF, is a reject, and the connection ends")
    func lateCall() async throws {
        try await withServer({ $0.bodyWait = .milliseconds(50) }) { (server) async throws in
            let connection = try Connection(port: server.port)
            try connection.send(Self.half("/e?_p=ann", key: server.writeKey))
            let answer = await connection.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"))
            #expect(answer.contains("GIF89a"))
            let rejects = try await server.send(.GET, "/v1/rejects", key: server.secretKey)
            #expect(rejects.rows.map { $0["raw"] } == ["/e?_p=ann"])
        }
    }

    @Test("An import whose file stops coming ends with 408")
    func lateImport() async throws {
        try await withServer({ $0.importWait = .milliseconds(50) }) { (server) async throws in
            let connection = try Connection(port: server.port)
            try connection.send(Self.half("/v1/imports?format=ndjson", key: server.secretKey))
            let answer = await connection.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            let runs = try await server.send(.GET, "/v1/imports", key: server.secretKey)
            #expect(runs.rows.map { $0["status"] } == ["failed"])
        }
    }

    @Test("A key that opens nothing is refused before the body comes", arguments: ["/v1/events", "/v1/batch"])
    func unknownKey(path: String) async throws {
        try await withServer({ $0.bodyWait = .seconds(3_600) }) { (server) async throws in
            let connection = try Connection(port: server.port)
            try connection.send(Self.half(path, key: "wk_nobody"))
            let answer = await connection.readSome()
            #expect(answer.hasPrefix("HTTP/1.1 401 "))
            #expect(server.server.awaitedBodies == 0)
        }
    }

    @Test("A shutdown gives it its grace and no more")
    func shutdown() async throws {
        let answer = try await withServer({
            $0.bodyWait = .seconds(3_600)
            $0.bodyGrace = .milliseconds(10)
        }) { (server) async throws in
            let connection = try Connection(port: server.port)
            try connection.send(Self.half("/v1/events", key: server.writeKey))
            while server.server.awaitedBodies == 0 { await Task.yield() }
            await server.server.shutDown()
            return await connection.readToEnd()
        }
        #expect(answer.hasPrefix("HTTP/1.1 503 "))
        #expect(answer.contains(#""code":"shutting_down""#))
    }
}

/// A connection without a client's manners: it sends what it is told and reads what comes.
private final class Connection: Sendable {
    struct Failure: Error { let number: Int32 }

    private let descriptor: Int32

    init(port: Int) throws {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard opened >= 0 else { throw Failure(number: errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        // The call takes any kind of address by a pointer to their common beginning.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
                unsafe connect(opened, general, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let number = errno
            close(opened)
            throw Failure(number: number)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        // Few bytes: they fit into the socket's buffer at once.
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count else { throw Failure(number: errno) }
    }

    /// What comes next.
    func readSome() async -> String { await onOwnThread { self.next() ?? "" } }

    /// All that comes until the server closes.
    func readToEnd() async -> String {
        await onOwnThread {
            var text = ""
            while let piece = self.next() { text += piece }
            return text
        }
    }

    private func next() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    private func onOwnThread(_ body: @escaping @Sendable () -> String) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: body()) }
        }
    }
}
