import Connectors
import Glibc
import Model
import Synchronization

@testable import Webhooks

/// An outbox in a folder of its own, with a clock that stands still until it is moved.
final class Outbox: Sendable {
    let path: String
    let store: DeliveryStore
    let clock = Mutex(Timestamp(microseconds: 1_700_000_000_000_000))
    private let seqs = Atomic<Int64>(0)

    init() throws {
        path = "/tmp/sluice-outbox-\(UInt64.random(in: 0...(.max))).sqlite"
        store = try DeliveryStore(path: path, box: try SecretBox(key: Array(repeating: 1, count: 32)))
    }

    deinit {
        try? store.close()
        for end in ["", "-wal", "-shm"] { _ = unsafe unlink(path + end) }
    }

    var now: Timestamp { clock.withLock { $0 } }

    func advance(_ seconds: Int64) { clock.withLock { $0.microseconds += seconds * 1_000_000 } }

    func endpoint(
        _ json: JSONValue, kind: EndpointRecord.Kind = .webhook, durable: Int64 = 0
    ) async throws -> EndpointRecord {
        var draft = EndpointDraft(try EndpointDefinition(json), secret: WebhookSecret.make())
        draft.kind = kind
        return try await store.create(draft, project: "p", by: "k", now: now, durable: { durable })
    }

    /// Messages for endpoints, each of another event.
    func batch(_ count: Int, to endpoints: [EndpointRecord], keys: [String] = []) async throws -> OutboxBatch {
        let change = try await store.read { db in try DeliveryStore.change(db) }
        let messages = (0..<count).map { place in
            let seq = seqs.add(1, ordering: .relaxed).newValue
            let id = MessageBody.eventID(project: "p", seq: seq)
            let key = keys.isEmpty ? nil : keys[place % keys.count]
            return OutboxMessage(
                id: id, type: MessageBody.eventType, variant: "full", seq: seq, body: Array("{\"seq\":\(seq)}".utf8),
                targets: endpoints.map { .init(endpoint: $0.number, orderKey: key) })
        }
        return OutboxBatch(project: "p", change: change, messages: messages, checkpoint: seqs.load(ordering: .relaxed))
    }

    func put(_ count: Int, to endpoints: [EndpointRecord], keys: [String] = []) async throws {
        var work = LedgerWork()
        work.batches = [try await batch(count, to: endpoints, keys: keys)]
        let answer = try await store.cycle(work, now: now)
        guard answer.written == [true] else { throw WebhookError(.changed, "not written") }
    }

    func claim(_ endpoint: EndpointRecord, _ count: Int = 100) async throws -> [ClaimedDelivery] {
        var work = LedgerWork()
        work.rooms = [(endpoint.number, count, endpoint.definition.order == .person)]
        return try await store.cycle(work, now: now).claimed
    }

    func end(
        _ claimed: ClaimedDelivery, _ status: Int, _ verdict: Verdict, isHook: Bool = false
    ) async throws -> LedgerAnswer {
        var work = LedgerWork()
        work.outcomes = [
            AttemptOutcome(
                claimed: claimed, at: now, url: "https://r.example/", result: .init(answer: .init(status: status)),
                verdict: verdict, health: nil, notice: nil, isHook: isHook)
        ]
        return try await store.cycle(work, now: now)
    }

    /// Sends again what failed, or what a filter finds; how many.
    func replay(_ endpoint: EndpointRecord, _ states: [DeliveryState] = [.exhausted]) async throws -> Int64 {
        var filter = DeliveryFilter()
        filter.states = states
        return try await store.replay(filter, of: endpoint, by: "k", now: now)?.total ?? 0
    }

    func states(_ endpoint: EndpointRecord) async throws -> [String] {
        var filter = DeliveryFilter()
        filter.endpoint = endpoint.id
        return try await store.deliveries(filter, project: "p", before: nil, limit: 1_000).reversed().map(\.state.word)
    }
}

/// A receiver in memory that answers as it is told.
final class FakeHTTP: OutboundSending {
    typealias Answer = @Sendable (OutboundRequest) async -> OutboundResult

    private let answer: Answer
    private let seen = Mutex<[OutboundRequest]>([])

    init(_ answer: @escaping Answer) { self.answer = answer }

    var requests: [OutboundRequest] { seen.withLock { $0 } }

    func send(_ request: OutboundRequest) async -> OutboundResult {
        seen.withLock { $0.append(request) }
        return await answer(request)
    }
}

extension OutboundRequest {
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}
