internal import Connectors
internal import Control
internal import EventStore
internal import HTTPTypes
internal import Journal
internal import Logging
internal import Model
internal import Webhooks

extension EndpointRoutes {
    /// An endpoint as it is shown: with its secret where that is new, and never again.
    static func document(_ record: EndpointRecord, secret: WebhookSecret? = nil) -> JSONValue {
        var members: [JSONValue.Member] = [.init("id", .string(record.id))]
        if case .object(let described) = record.definition.json { members += described }
        members += [
            // Names alone: what they say may open somebody's door.
            .init("headers", .object(record.headers.map { .init($0, "[hidden]") })),
            .init("state", .string(record.state.rawValue)), .init("reason", JSONValue(record.reason)),
            .init("state_changed_by", .string(record.changedBy)), .init("state_at", .string(record.stateAt.text)),
            .init("failing_since", JSONValue(record.health.failingSince)),
            .init("failures", JSONValue(record.health.failures)), .init("secrets", JSONValue(record.secrets)),
            .init("overlap_ends_at", JSONValue(record.overlapEnds)), .init("since_seq", JSONValue(record.sinceSeq)),
            .init("notify", record.notify), .init("client_certificate", .bool(record.hasCertificate)),
            .init("kind", .string(record.kind.rawValue)), .init("created_at", .string(record.createdAt.text)),
            .init("updated_at", .string(record.updatedAt.text)),
        ]
        if let secret { members.append(.init("secret", .string(secret.text))) }
        return .object(members)
    }
}

extension Exchange {
    /// The endpoint that the path names, of the caller's project.
    func endpoint() async throws -> EndpointRecord {
        let id = parameters[0]
        guard let record = try await app.webhooks.store.endpoint(id, project: try project().name) else {
            throw Problem.notFound("there is no endpoint \(id.prefix(64))")
        }
        return record
    }

    /// Whether the caller may see what messages say: events, and whose they are.
    func seesMessages() throws -> Bool {
        let caller = try requireCaller()
        return caller.scopes.allows(.eventsRead) && caller.scopes.allows(.peopleRead) && caller.grant.isAll
    }

    /// Makes an endpoint that gets what is collected after this.
    func makeEndpoint(_ draft: EndpointDraft) async throws -> EndpointRecord {
        let (runtime, service) = (try project(), app.webhooks)
        runtime.keepJournal(for: draft.definition)
        let record = try await service.store.create(
            draft, project: runtime.name, by: try requireCaller().key, now: receivedAt,
            durable: { runtime.journal.durableSeq })
        try await service.sender.reload()
        note.made(record.id)
        logger.info("a webhook endpoint was made", metadata: ["endpoint": "\(record.id)"])
        return record
    }
}

extension ProjectRuntime {
    /// What an endpoint is to look at must stay until the follower has come to know of it.
    func keepJournal(for definition: EndpointDefinition) {
        if definition.isFollowed { keepJournal() }
    }

    /// What is collected from now on stays until the follower has passed it.
    func keepJournal() {
        guard journal.status.followers[EventFollower.name] == nil else { return }
        journal.register(follower: EventFollower.name, at: journal.durableSeq)
    }
}
