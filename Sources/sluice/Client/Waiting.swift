import Model

extension APIClient {
    /// How long a command waits for the store to catch up with what was collected.
    private static var patience: Duration { .seconds(600) }

    /// Sends a request again as long as the store only lags behind. The server itself waits ten seconds a request.
    func patiently<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        let end = ContinuousClock.now + Self.patience
        while true {
            do { return try await body() } catch let failure as Failure {
                guard failure.isLagging, ContinuousClock.now < end else { throw failure }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Waits until everything up to `seq` can be queried.
    func waitUntilStored(_ seq: Int64) async throws {
        do {
            _ = try await patiently { try await json(.get, "/v1/events/names?limit=1&wait_seq=\(seq)") }
        } catch let failure as Failure {
            // A write key may bring rows in but not read them: then there is nothing to wait by.
            guard failure.code == .refused else { throw failure }
        }
    }
}
