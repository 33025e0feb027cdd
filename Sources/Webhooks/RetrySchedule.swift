public import Model

/// When a delivery that failed is tried again. Pure.
public struct RetrySchedule: Sendable, Equatable {
    /// How long after each failed attempt the next one comes, in microseconds: one less than there are attempts.
    public let delays: [Int64]

    private static let second: Int64 = 1_000_000
    /// The most attempts, and the longest from the first to the last.
    public static let mostAttempts = 30
    public static let longest = 14 * 86_400 * second
    /// The longest that a receiver may ask to wait.
    public static let longestWait = 86_400 * second

    /// The schedule that Standard Webhooks recommends: ten attempts in 75 hours.
    public static let standard = RetrySchedule(
        delays: [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400].map { $0 * second })

    public init(delays: [Int64]) { self.delays = delays }

    public var attempts: Int64 { Int64(delays.count) + 1 }

    /// When the attempt after one that failed is due; nil if that was the last.
    ///
    /// - Parameters:
    ///   - attempt: how many there were, from 1.
    ///   - asked: how long the receiver asked to wait, in microseconds.
    ///   - chance: from 0 to 1; spreads attempts by a fifth to either side.
    public func next(after attempt: Int64, now: Timestamp, asked: Int64?, chance: Double) -> Timestamp? {
        guard attempt >= 1, attempt <= Int64(delays.count) else { return nil }
        let delay = Double(delays[Int(attempt - 1)]) * (0.8 + 0.4 * chance)
        return Timestamp(microseconds: now.microseconds + max(Int64(delay), min(asked ?? 0, Self.longestWait)))
    }
}

extension RetrySchedule {
    /// Reads a list of durations (`["5s", "5m"]`), or `{"attempts", "base", "factor"?, "cap"?}`.
    public init(_ json: JSONValue) throws(WebhookError) {
        switch json {
        case .array(let elements):
            var delays: [Int64] = []
            for element in elements { delays.append(try Self.duration(element)) }
            try self.init(checked: delays)
        case .object(let members):
            let known = ["attempts", "base", "factor", "cap"]
            if let other = members.first(where: { !known.contains($0.key) }) {
                throw Self.error("there is no \"\(other.key)\"")
            }
            guard let attempts = json["attempts"]?.intValue, (1...Int64(Self.mostAttempts)).contains(attempts) else {
                throw Self.error("attempts is a number from 1 to \(Self.mostAttempts)")
            }
            let base =
                try json["base"].map { (value) throws(WebhookError) in try Self.duration(value) } ?? 5 * Self.second
            let cap =
                try json["cap"].map { (value) throws(WebhookError) in try Self.duration(value) } ?? Self.longestWait
            var factor = 2.0
            if let written = json["factor"] {
                guard case .number(let text) = written, let value = Double(text), (1...100).contains(value) else {
                    throw Self.error("factor is a number from 1 to 100")
                }
                factor = value
            }
            var (delays, next): ([Int64], Double) = ([], Double(base))
            for _ in 1..<attempts {
                delays.append(Int64(min(next, Double(cap))))
                next = min(next * factor, Double(Self.longest))
            }
            try self.init(checked: delays)
        default: throw Self.error("write a list such as [\"5s\", \"5m\", \"2h\"]")
        }
    }

    private init(checked delays: [Int64]) throws(WebhookError) {
        guard delays.count < Self.mostAttempts else {
            throw Self.error("there are at most \(Self.mostAttempts) attempts")
        }
        guard delays.reduce(0, { min($0 + $1, 2 * Self.longest) }) <= Self.longest else {
            throw Self.error("the last attempt comes at most 14 days after the first")
        }
        self.init(delays: delays)
    }

    private static func duration(_ json: JSONValue) throws(WebhookError) -> Int64 {
        guard let text = json.stringValue, let value = Durations.microseconds(text), value > 0 else {
            throw error("a wait is a text such as 5s, 30m or 2h")
        }
        return value
    }

    private static func error(_ what: String) -> WebhookError { WebhookError(.badEndpoint, "\"retry\": \(what)") }

    /// As `init` reads it.
    var json: JSONValue { .array(delays.map { .string(Self.text($0)) }) }

    private static func text(_ delay: Int64) -> String {
        let seconds = max(1, delay / second)
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] as [(String, Int64)]
        where seconds % length == 0 { return "\(seconds / length)\(unit)" }
        return "\(seconds)s"
    }
}
