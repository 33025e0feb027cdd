internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import NIOCore
internal import Webhooks

/// `GET /metrics`: what the server counts, and what its projects' journals and stores tell, as Prometheus text.
enum MetricsRoute {
    static let routes = [Route(.get, "/metrics", .loopbackOrAdmin, answer)]

    private static func answer(_ exchange: Exchange) async throws -> Response {
        var text = await render(exchange.app, lags: lags(exchange))
        text += await streams(exchange)
        text += await PipelineMetrics.text(exchange)
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// How far streams are behind. Where the outbox cannot say it now there is nothing.
    private static func streams(_ exchange: Exchange) async -> String {
        guard let all = try? await exchange.app.webhooks.store.streamPositions(), !all.isEmpty else { return "" }
        var out = PrometheusText()
        out.begin("webhook_stream_lag_items", "gauge", "Items on disk that a stream has not passed.")
        for stream in all {
            guard let runtime = exchange.app.projects.all.first(where: { $0.name == stream.project }) else { continue }
            out.value(
                "webhook_stream_lag_items", [("project", stream.project), ("endpoint", stream.endpoint)],
                max(0, runtime.journal.durableSeq - stream.seq))
        }
        out.begin(
            "webhook_stream_lag_seconds", "gauge",
            "How long the oldest event has waited that a stream has not delivered.")
        for stream in all {
            out.value(
                "webhook_stream_lag_seconds", [("project", stream.project), ("endpoint", stream.endpoint)],
                StreamRoutes.seconds(stream.number, exchange.app, exchange.receivedAt))
        }
        return out.text
    }

    /// How many seconds each store lags behind. One that cannot say it now has none.
    private static func lags(_ exchange: Exchange) async -> [String: Double] {
        var lags: [String: Double] = [:]
        for runtime in exchange.app.projects.all {
            let durableSeq = runtime.journal.durableSeq
            // Only a store that lags is asked, since its status costs a read.
            guard durableSeq > runtime.store.appliedSeq else {
                lags[runtime.name] = 0
                continue
            }
            let status = try? await runtime.store.status(durableSeq: durableSeq, now: exchange.receivedAt)
            lags[runtime.name] = status?.lagSeconds
        }
        return lags
    }

    private static func render(_ app: ServerState, lags: [String: Double]) -> String {
        var out = PrometheusText()
        out.begin("info", "gauge", "The program's version.")
        out.value("info", [("version", ServerState.version)], 1)
        out.single(
            "uptime_seconds", "gauge", "Seconds since the start.",
            (SystemClock.now().microseconds - app.startedAt.microseconds) / 1_000_000)
        requests(app, &out)
        collection(app, &out)
        let load = app.webhooks.sender.load
        out.single("webhook_attempts_in_flight", "gauge", "Attempts under way.", load.inFlight)
        out.single(
            "timers_held", "gauge", "Whether timers of triggers are held, since the machine's clock leapt ahead.",
            app.webhooks.sender.heldTimers() == nil ? 0 : 1)
        out.single("webhook_endpoints", "gauge", "Endpoints of all projects.", load.endpoints)
        projects(app, lags, &out)
        return out.text
    }

    private static func requests(_ app: ServerState, _ out: inout PrometheusText) {
        out.begin("http_responses_total", "counter", "Answers by the class of their status.")
        for digit in 1...5 {
            out.value("http_responses_total", [("class", "\(digit)xx")], app.metrics.statuses[digit].current)
        }
        out.single(
            "http_faults_total", "counter", "Requests that the server itself failed.", app.metrics.faults.current)
        out.begin("http_request_seconds", "histogram", "Time from a request's head to its answer.")
        for (kind, histogram) in [("collect", app.metrics.collectTime), ("other", app.metrics.otherTime)] {
            let (cumulated, sum) = histogram.snapshot
            out.buckets(
                "http_request_seconds", [("kind", kind)], bounds: Histogram.bounds, cumulated: cumulated,
                sumMicroseconds: Double(sum))
        }
    }

    private static func collection(_ app: ServerState, _ out: inout PrometheusText) {
        let wires = WireProtocol.allCases.map { ($0.label, app.metrics.wire($0)) }
        func each(_ name: String, _ help: String, _ number: (ServerMetrics.Wire) -> Int64) {
            out.begin(name, "counter", help)
            for (label, wire) in wires { out.value(name, [("protocol", label)], number(wire)) }
        }
        each("items_accepted_total", "Items stored.") { $0.accepted.current }
        each("items_duplicate_total", "Items that were there already.") { $0.duplicates.current }
        each("items_rejected_total", "Items refused and kept as rejects.") { $0.rejected.current }
        each("collected_bytes_total", "Bytes of bodies, decompressed.") { $0.bytes.current }
        each("collect_refused_total", "Requests answered with 503; nothing of them was stored.") {
            $0.refusedRequests.current
        }
        out.single(
            "unknown_keys_total", "counter", "KISSmetrics calls with a key that nobody has.", app.unknownKeys.count)
    }

    private static func projects(_ app: ServerState, _ lags: [String: Double], _ out: inout PrometheusText) {
        let all = app.projects.all.map { ($0, $0.journal.status) }
        func each(
            _ name: String, _ kind: String, _ help: String,
            _ number: (ProjectRuntime, JournalStatus) -> some CustomStringConvertible
        ) {
            out.begin(name, kind, help)
            for (runtime, status) in all { out.value(name, [("project", runtime.name)], number(runtime, status)) }
        }
        each("durable_seq", "gauge", "The highest seq on disk.") { $1.durableSeq }
        each("applied_seq", "gauge", "The highest seq in the store.") { runtime, _ in runtime.store.appliedSeq }
        each("apply_lag_items", "gauge", "Items on disk that are not in the store yet.") {
            max(0, $1.durableSeq - $0.store.appliedSeq)
        }
        each("people_seq", "gauge", "The seq up to which the table of people is kept.") { runtime, _ in
            runtime.store.peopleSnapshot.seq
        }
        each("people_pending", "gauge", "People whose row is still to be brought up to date.") { runtime, _ in
            runtime.store.peopleSnapshot.pending
        }
        out.begin("apply_lag_seconds", "gauge", "Age of the last applied commit while items are missing, else 0.")
        for (name, seconds) in lags.sorted(by: { $0.key < $1.key }) {
            out.value("apply_lag_seconds", [("project", name)], seconds)
        }
        each("journal_bytes", "gauge", "Bytes of the journal on disk.") { $1.bytesOnDisk }
        each("journal_backlog_bytes", "gauge", "Bytes after the slowest follower.") { $1.backlogBytes }
        each("journal_queue_bytes", "gauge", "Bytes that wait for the writer.") { $1.bytesQueued }
        each("journal_frames_total", "counter", "Frames written.") { $1.counters.frames }
        each("journal_refuses", "gauge", "1 if the journal refuses to write.") { $1.refusal == nil ? 0 : 1 }
        each("webhook_lag_items", "gauge", "Items on disk that were not looked at for webhooks yet.") {
            max(0, $1.durableSeq - ($1.followers[EventFollower.name] ?? $1.durableSeq))
        }
        each("ready", "gauge", "1 if the project can do its work.") { runtime, _ in runtime.unreadyReason == nil ? 1 : 0
        }
        out.begin("journal_sync_seconds", "histogram", "Time in fdatasync.")
        for (runtime, status) in all {
            var running: Int64 = 0
            let cumulated = status.counters.syncBuckets.map { count in
                running += Int64(count)
                return running
            }
            out.buckets(
                "journal_sync_seconds", [("project", runtime.name)], bounds: JournalCounters.syncBounds,
                cumulated: cumulated, sumMicroseconds: Double(status.counters.syncTotal) / 1e3)
        }
    }
}
