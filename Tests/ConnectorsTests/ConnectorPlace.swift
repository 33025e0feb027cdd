import Model
import Testing

/// A place that a connector of a kind delivers to, in one of its moods.
enum Place {
    enum Mood: CaseIterable { case takes, refuses, isBusy, hangs }

    /// Runs `body` with the settings that lead there.
    static func with(
        _ kind: String, _ mood: Mood, _ body: (JSONValue, Int) async throws -> Void
    ) async throws {
        let seconds: Int64 = mood == .hangs ? 1 : 30
        if kind == "email" {
            let talk: MailServerStub.Mood =
                switch mood {
                case .takes: .takes
                case .refuses: .answers("RCPT", "550 no such user, s3cret-word")
                case .isBusy: .answers("RCPT", "451 later")
                case .hangs: .hangs
                }
            try await MailServerStub.with(talk) { server in
                try await body(settings(kind, server.port, seconds: seconds), server.port)
            }
            return
        }
        func answer(_ status: String) -> [RawServer.Step] {
            [.send("HTTP/1.1 \(status)\r\ncontent-length: 0\r\n\r\n")]
        }
        let steps: [RawServer.Step] =
            switch mood {
            case .takes: answer("200 OK")
            case .refuses: answer("400 Bad Request")
            case .isBusy: answer("503 Service Unavailable")
            case .hangs: [.wait(60_000)]
            }
        try await RawServer.with(steps) { server in
            try await body(settings(kind, server.port, seconds: seconds), server.port)
        }
    }

    /// Settings that each kind works with; a kind without any fails the first test.
    ///
    /// - Parameter seconds: how long an answer is waited for; short only where none comes.
    static func settings(_ kind: String, _ port: Int, seconds: Int64 = 30) throws -> JSONValue {
        let timeout = JSONValue(seconds)
        let url = JSONValue.string("http://127.0.0.1:\(port)/x")
        let all: [String: JSONValue] = [
            "webhook": [
                "url": url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "headers": ["authorization": "s3cret-word"],
                "timeout": timeout,
            ],
            "http": [
                "url": url, "method": "PUT", "body": #"{"what": {{data.event}}}"#, "headers": ["x-key": "s3cret-word"],
                "timeout": timeout,
            ],
            "slack": ["url": url, "text": "{{data.event}}!", "timeout": timeout],
            "email": [
                "server": .string("127.0.0.1:\(port)"), "security": "none", "username": "ann-the-user",
                "password": "s3cret-word",
                "from": "Sluice <s@x.example>", "to": "\"Ann, B.\" <ann@y.example>, bob@y.example", "timeout": timeout,
            ],
        ]
        return try #require(all[kind], "the kind \(kind) has no settings here")
    }
}
