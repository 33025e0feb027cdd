internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import Pipelines
internal import Webhooks

/// What is and was wrong with pipelines, whom people told, and whether it arrived.
enum AlertRoutes {
    static let routes = [
        Route(.get, "/v1/alerts", .scope(.pipelinesRead), audit: .read("alerts.list", of: "alerts"), list),
        Route(
            .get, "/v1/alerts/targets", .scope(.pipelinesRead), audit: .read("alerts.targets", of: "alerts"), targets),
        Route(
            .post, "/v1/alerts/targets/{name}/test", .scope(.pipelinesWrite), audit: .act("alerts.test"), test),
    ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let (query, app) = (exchange.query, exchange.app)
        let limit = try query.limit()
        var isOpen: Bool?
        if let word = query["state"] {
            guard ["open", "closed"].contains(word) else {
                throw Problem.parameter("state", "must be open or closed")
            }
            isOpen = word == "open"
        }
        let project = try exchange.requireCaller().project
        let found = try await app.control.incidents(
            project: project, pipeline: try await exchange.pipelineAsked(), isOpen: isOpen,
            before: try query.integer("cursor", in: 1...Int64.max), limit: limit + 1)
        var rows: [JSONValue] = []
        for incident in found.prefix(limit) {
            var alerts: [JSONValue] = []
            for alert in try await app.control.alerts(ofIncident: incident.id) {
                let deliveries = try await app.webhooks.store.deliveries(ofAlert: alert.id, project: project)
                alerts.append([
                    "webhook_id": .string(alert.id), "type": .string(alert.type), "text": alert.data["text"] ?? .null,
                    "made_at": .string(alert.madeAt.text), "handed_at": JSONValue(alert.handedAt),
                    "problem": JSONValue(alert.problem),
                    "deliveries": .array(
                        deliveries.map { delivery in
                            [
                                "id": .string(delivery.delivery), "endpoint": .string(delivery.endpoint),
                                "state": .string(delivery.state.word), "attempts": JSONValue(delivery.attempts),
                            ]
                        }),
                ])
            }
            guard case .object(let members) = PipelineDocument.incident(incident) else { continue }
            rows.append(.object(members + [.init("alerts", .array(alerts))]))
        }
        return .page(rows, next: found.count > limit ? String(found[limit - 1].number) : nil)
    }

    private static func targets(_ exchange: Exchange) async throws -> Response {
        let found = try await exchange.app.control.alertTargets(project: try exchange.requireCaller().project)
        return .page(
            found.map { record in
                [
                    "name": .string(record.name), "settings": record.settings,
                    "changed_at": .string(record.changedAt.text),
                ]
            }, next: nil)
    }

    /// Sends something that says of itself that it is a test, as an alert is sent.
    private static func test(_ exchange: Exchange) async throws -> Response {
        let (name, app, now) = (exchange.parameters[0], exchange.app, exchange.receivedAt)
        let project = try exchange.requireCaller().project
        let known = try await app.control.alertTargets(project: project)
        guard known.contains(where: { $0.name == name }) else {
            throw Problem.notFound("there is no alert target \(name.prefix(64))")
        }
        let alert = AlertRecord.test(name, project: project, known: known, at: now)
        let wait = try exchange.query.integer("wait", in: 0...60) ?? 0
        let problem = try await PipelineService.hand(alert, to: app.webhooks)
        let told = try await outcomes(of: alert, within: .seconds(wait), exchange)
        return .json(
            ["webhook_id": .string(alert.id), "problem": JSONValue(problem), "deliveries": .array(told)],
            status: .accepted)
    }

    /// What became of a message with everybody whom it went to, once each was tried or the time is over.
    private static func outcomes(
        of alert: AlertRecord, within time: Duration, _ exchange: Exchange
    ) async throws -> [JSONValue] {
        let store = exchange.app.webhooks.store
        let end = ContinuousClock.now + time
        while true {
            let rows = try await store.deliveries(ofAlert: alert.id, project: alert.project)
            let isTried = rows.allSatisfy { $0.state != .sending && ($0.state != .pending || $0.attempts > 0) }
            guard !isTried, ContinuousClock.now < end else {
                var told: [JSONValue] = []
                for row in rows { told.append(try await outcome(of: row, alert, exchange)) }
                return told
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private static func outcome(
        of row: AlertDelivery, _ alert: AlertRecord, _ exchange: Exchange
    ) async throws -> JSONValue {
        let store = exchange.app.webhooks.store
        let endpoint = try await store.endpoint(row.endpoint, project: alert.project)
        let target = endpoint.map { $0.definition.name ?? $0.id } ?? exchange.parameters[0]
        var last: JSONValue?
        if let number = DeliveryRecord.number(row.delivery),
            let attempt = try await store.delivery(number, project: alert.project)?.attempts.last
        {
            last = AttemptDocument.document(attempt, showsBodies: try exchange.seesMessages())
        }
        return [
            "target": .string(target), "id": .string(row.delivery), "endpoint": .string(row.endpoint),
            "state": .string(row.state.word), "attempts": JSONValue(row.attempts), "status": last?["status"] ?? .null,
            "error": last?["error"] ?? .null, "detail": last?["detail"] ?? .null,
        ]
    }
}
