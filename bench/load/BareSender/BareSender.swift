import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// What a loop around async-http-client sends in a second, with nothing written down: the measure for the sender of webhooks. Not part of the product.
///
///     bare-sender URL COUNT CONNECTIONS
@main
struct BareSender {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let count = Int(arguments[2]), let connections = Int(arguments[3]) else {
            print("bare-sender URL COUNT CONNECTIONS")
            return
        }
        let url = arguments[1]
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<connections {
                group.addTask {
                    for number in stride(from: first, to: count, by: connections) { try await send(number, url, http) }
                }
            }
            try await group.waitForAll()
        }
        let seconds = Double((ContinuousClock.now - start) / .microseconds(1)) / 1_000_000
        try await http.shutdown()
        print(Double(count) / seconds)
    }

    /// As long as a webhook of the bench.
    private static func send(_ number: Int, _ url: String, _ http: HTTPClient) async throws {
        let body = """
            {"type":"event.recorded","timestamp":"2026-01-31T12:00:00.000000Z","id":"msg_\(number)","data":{"seq":\(number),\
            "event_id":"t\(number)","identity":"u\(number % 1000)","person_id":"p_aaaaaaaaaaaaa","event":"Viewed",\
            "timestamp":"2026-01-31T12:00:00.000000Z","received_at":"2026-01-31T12:00:00.000000Z","properties":{"n":\(number)}}}
            """
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "webhook-id", value: "msg_\(number)")
        request.headers.add(name: "webhook-timestamp", value: "1767225600")
        request.headers.add(name: "webhook-signature", value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")
        request.body = .bytes(ByteBuffer(string: body))
        let answer = try await http.execute(request, timeout: .seconds(30))
        _ = try await answer.body.collect(upTo: 1 << 16)
    }
}
