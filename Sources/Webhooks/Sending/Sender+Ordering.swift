internal import Logging
internal import Synchronization

extension Sender {
    /// Puts in order what waits for endpoints that have come to ask for it, beside everything else.
    func keepOrder() async {
        while !Task.isCancelled, !hasEnded {
            let (change, asking) = state.withLock { state in
                (state.live.change, state.live.endpoints.filter(\.record.isOrdering).map(\.record.number))
            }
            guard !asking.isEmpty else {
                await waitForChange(since: change)
                continue
            }
            do {
                for endpoint in asking { try await store.putInOrder(endpoint) }
                try await reload()
            } catch {
                if Task.isCancelled || hasEnded { return }
                logger.error(
                    "what waits cannot be put in order, which is tried again", metadata: ["error": "\(error)"])
                do { try await Task.sleep(for: .seconds(1)) } catch { return }
            }
        }
    }
}
