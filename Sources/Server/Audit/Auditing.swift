internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import People

/// Writes down what routes do: one place, so that no route can forget it.
enum Auditing {
    /// Columns of one entry, so that none grows without bound.
    private static let mostColumns = 200

    /// Checks that the use of a route can be written down.
    static func check(_ route: Route, _ app: ServerState) throws(Problem) {
        guard route.audit != .none, route.isKeyed, app.audit.isFull else { return }
        throw .unavailable(
            "audit_unavailable", "what is read cannot be written down now, so nothing is read; see the server's log",
            retryAfter: 10)
    }

    /// Writes the use of a route down, once its answer is known; a change is on disk when this returns.
    static func record(_ route: Route, _ exchange: Exchange, status: Int) async {
        guard route.audit != .none, route.isKeyed, let entry = entry(route, exchange, status: status) else { return }
        exchange.app.audit.note(entry)
        guard route.audit.isAct else { return }
        do { try await exchange.app.audit.flush() } catch {
            // The change is made. The entry waits in memory for the next second.
            exchange.logger.error("the audit could not be written", metadata: ["error": "\(error)"])
        }
    }

    /// The entry of a route's use; nil if nobody is known who used it.
    private static func entry(_ route: Route, _ exchange: Exchange, status: Int) -> AuditEntry? {
        let state = exchange.note.state
        guard let caller = state.caller else { return nil }
        var entry = AuditEntry(
            at: exchange.receivedAt, project: caller.project, key: caller.key, action: action(route))
        if case .read(_, let dataset) = route.audit { entry.dataset = state.dataset ?? dataset }
        if case .always(let needs) = route.columns { entry.columns = needs.map(\.text).sorted() }
        entry.rows = state.rows
        entry.made = state.made
        entry.status = Int64(status)
        entry.requestID = exchange.requestID
        // Who is not in the store must not come in by being asked for, least of all if they were erased.
        let isOfNobody = status == 404 && !route.audit.isAct
        if !isOfNobody { entry.filter = filter(route, exchange, state) }
        return entry
    }

    static func action(_ route: Route) -> String {
        switch route.audit {
        case .read(let action, _), .act(let action), .discreetAct(let action): action
        case .undeclared, .none: "\(route.method.rawValue) \(route.path)"
        }
    }

    /// What was asked: the path's variables, the query, the body, and the columns that come of them.
    private static func filter(_ route: Route, _ exchange: Exchange, _ state: RequestNote.State) -> JSONValue? {
        var members: [JSONValue.Member] = []
        let names = route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
        if !names.isEmpty {
            let values = zip(names, exchange.parameters).map { JSONValue.Member(String($0), .string($1)) }
            members.append(.init("path", .object(values)))
        }
        // A key has no place in a query, but somebody may try.
        let query = exchange.query.members.map { member in
            let isKey = member.value.stringValue?.hasPrefix("sk_") ?? false
            return isKey ? JSONValue.Member(member.key, "[key]") : member
        }
        if !query.isEmpty { members.append(.init("query", .object(query))) }
        if route.audit.keepsBody, let body = state.body, let json = try? JSONValue(body.span) {
            members.append(.init("body", json))
        }
        if !state.columns.isEmpty {
            let columns = state.columns.sorted().prefix(mostColumns)
            members.append(.init("columns", .array(columns.map { .string($0) })))
        }
        // A plain nil could be taken for JSON's null.
        return members.isEmpty ? JSONValue?.none : .object(members)
    }
}

extension Exchange {
    /// The bytes of a page, whose rows are counted.
    func counted(_ page: Page<some JSONWritable>) -> [UInt8] {
        note.rows(page.elements.count)
        return page.json
    }

    /// Writes down how many rows an answer had that was sent bit by bit; its beginning was written down before.
    func noteEnd(_ action: String, of dataset: String, rows: some BinaryInteger) {
        guard let caller else { return }
        var entry = AuditEntry(
            at: SystemClock.now(), project: caller.project, key: caller.key, action: action + ".end")
        entry.dataset = dataset
        entry.rows = Int64(rows)
        entry.requestID = requestID
        app.audit.note(entry)
    }
}
