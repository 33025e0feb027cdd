#if TEST_CLOCK
    internal import Control
    internal import HTTPTypes
    internal import Hummingbird
    internal import Model
    internal import Webhooks

    /// `POST /v1/test/clock {"advance":"30m"}` of `sluice serve --clock test`: sets the server's clock ahead. The ordinary program has
    /// neither.
    enum TestClockRoute {
        static let route = Route(.post, "/v1/test/clock", .scope(.admin), audit: .none) { exchange in
            let body = try await RequestDocument(exchange, fields: ["advance"])
            guard let text = try body.text("advance"), let length = Durations.microseconds(text) else {
                throw RequestDocument.problem("\"advance\" is a length of time, such as 30m")
            }
            SystemClock.advance(length)
            exchange.app.webhooks.sender.clockMoved()
            return .json(["now": .string(SystemClock.now().text)])
        }
    }
#endif
