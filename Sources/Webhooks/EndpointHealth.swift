public import Model

/// How long an endpoint has been failing, and what follows. Pure.
public struct EndpointHealth: Sendable, Equatable {
    /// Since when every attempt failed; nil if the last one did not.
    public var failingSince: Timestamp?
    /// Failed attempts since then.
    public var failures: Int64
    /// The highest step that was told, in percent of the way to being disabled.
    public var told: Int64

    /// After how long without a success, and how many failures, an endpoint is disabled.
    public static let limit: Int64 = 120 * 3_600 * 1_000_000
    public static let leastFailures: Int64 = 10
    private static let steps: [Int64] = [90, 70, 50]

    public init(failingSince: Timestamp? = nil, failures: Int64 = 0, told: Int64 = 0) {
        self.failingSince = failingSince
        self.failures = failures
        self.told = told
    }

    /// What the owner is told.
    public enum Notice: Sendable, Equatable {
        /// So many percent of the way to being disabled.
        case failing(Int64)
        case disabled
        case recovered
    }

    /// Takes in an attempt; what is to be told of it.
    public mutating func came(ok: Bool, now: Timestamp) -> Notice? {
        if ok {
            // Who was told that it fails is told that it does no more.
            let wasTold = told > 0
            self = EndpointHealth()
            return wasTold ? .recovered : nil
        }
        failures += 1
        guard let since = failingSince else {
            failingSince = now
            return nil
        }
        guard failures >= Self.leastFailures else { return nil }
        let percent = (now.microseconds - since.microseconds) * 100 / Self.limit
        if percent >= 100 { return .disabled }
        guard let step = Self.steps.first(where: { percent >= $0 }), step > told else { return nil }
        told = step
        return .failing(step)
    }
}
