internal import Connectors
internal import Model
internal import Synchronization

extension Sender {
    /// Makes the attempts.
    func sendAll() async {
        await withDiscardingTaskGroup { group in
            for await claimed in claims {
                group.addTask { await self.attempt(claimed) }
            }
            // The server ends. A fifth of the grace at a time: there is nothing to wait for most of the time.
            let end = ContinuousClock.now + Self.grace
            while state.withLock({ $0.dispatch.inFlight > 0 }), .now < end, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
            }
            group.cancelAll()
        }
    }

    private func attempt(_ first: ClaimedDelivery) async {
        var next: ClaimedDelivery? = first
        while let claimed = next { next = await attemptOnce(claimed) }
    }

    /// One attempt; what else may be sent in its place.
    private func attemptOnce(_ claimed: ClaimedDelivery) async -> ClaimedDelivery? {
        let live = state.withLock { $0.dispatch.runs[claimed.endpoint]?.live }
        let at = clock()
        var result = OutboundResult()
        if let live, let kind = live.connector {
            result = await act(kind, live, claimed)
        } else if let live, let url = live.url {
            let secrets = live.secrets(now: at)
            if secrets.isEmpty {
                result.failure = OutboundFailure(
                    .notSent, "the endpoint's secret cannot be opened with the server's master key")
            } else {
                let definition = live.record.definition
                let target = WebhookTarget(
                    url: url, secrets: secrets, headers: live.headers, timeout: .seconds(definition.timeout))
                result = await post(
                    target.request(claimed.message, seconds: at.microseconds / 1_000_000, attempt: claimed.attempt),
                    live)
            }
        } else {
            result.failure = OutboundFailure(.notSent, "the endpoint is gone")
        }
        return finished(claimed, live?.record, at, result)
    }

    /// Sends a request with the endpoint's own certificate, if it has one.
    func post(_ request: OutboundRequest, _ live: LiveEndpoint) async -> OutboundResult {
        guard live.record.hasCertificate else { return await http.send(request) }
        guard let certificate = live.certificate else {
            return OutboundResult(
                failure: OutboundFailure(
                    .notSent, "the endpoint's own certificate cannot be opened with the server's master key"))
        }
        var request = request
        do throws(ConnectorError) { request.certificate = try await actions.secret(certificate) } catch {
            return OutboundResult(failure: OutboundFailure(.notSent, error.message))
        }
        return await http.send(request)
    }

    /// By a connector, made anew each time, so that a secret that was changed is the one that is used.
    private func act(_ kind: String, _ live: LiveEndpoint, _ claimed: ClaimedDelivery) async -> OutboundResult {
        var result = OutboundResult()
        guard let settings = live.settings else {
            result.failure = OutboundFailure(
                .notSent, "the action's settings cannot be opened with the server's master key")
            return result
        }
        do throws(ConnectorError) {
            return await (try await actions.make(kind, settings, isTrusted: live.isTrusted)).deliver(claimed.message)
        } catch {
            result.failure = OutboundFailure(.notSent, error.message)
            return result
        }
    }

    private func finished(
        _ claimed: ClaimedDelivery, _ record: EndpointRecord?, _ at: Timestamp, _ result: OutboundResult
    ) -> ClaimedDelivery? {
        let now = clock()
        let verdict: Verdict =
            result.failure?.code == .cancelled
            ? .retry(at: now)
            : Verdict(
                result, attempt: claimed.attempt - claimed.forgiven, schedule: record?.definition.retry ?? .standard,
                finalClientErrors: record?.definition.finalClientErrors ?? false, now: now, chance: chance())
        let started = state.withLock { state in
            let told = state.dispatch.came(claimed, verdict, result, now: now)
            state.work.outcomes.append(
                AttemptOutcome(
                    claimed: claimed, at: at, url: record?.definition.url ?? "", result: result, verdict: verdict,
                    health: told.health, notice: told.notice, isHook: record?.kind == .hook))
            return state.isStopping ? [] : state.dispatch.start(now: now)
        }
        wake()
        for claimed in started.dropFirst() { give(claimed) }
        return started.first
    }

    func give(_ claimed: ClaimedDelivery) {
        guard case .terminated = send.yield(claimed) else { return }
        // The server ends: it goes back as it was.
        state.withLock { state in
            state.dispatch.takeBack(claimed)
            state.work.released.append(claimed)
        }
        wake()
    }
}
