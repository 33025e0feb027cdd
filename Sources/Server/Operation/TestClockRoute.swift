#if TEST_CLOCK
    internal import Control
    internal import HTTPTypes
    internal import Hummingbird
    internal import Model
    internal import Webhooks

    /// `POST /v1/test/clock {"advance":"30m"}` of `sluice serve --clock test`: lets time pass for the server; with `"leap":"1h"` the time of
    /// day alone is set, as by hand. The ordinary program has neither.
    enum TestClockRoute {
        static let route = Route(.post, "/v1/test/clock", .scope(.admin), audit: .none) { exchange in
            let body = try await RequestDocument(exchange, fields: ["advance", "leap", "back"])
            for (name, move) in [
                ("advance", SystemClock.advance), ("leap", SystemClock.leap), ("back", { SystemClock.leap(-$0) }),
            ] as [(String, (Int64) -> Void)] {
                guard let text = try body.text(name) else { continue }
                guard let length = Durations.microseconds(text) else {
                    throw RequestDocument.problem("\"\(name)\" is a length of time, such as 30m")
                }
                move(length)
            }
            exchange.app.webhooks.sender.clockMoved()
            return .json(["now": .string(SystemClock.now().text)])
        }
    }
#endif
