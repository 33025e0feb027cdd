internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Model
internal import NIOCore

/// What Hummingbird keeps of a request, and where it came from.
struct SluiceContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection.
    let channel: any Channel
    private let remote: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        remote = source.channel.remoteAddress
    }

    /// Whether the caller is on this machine.
    var isLoopback: Bool {
        switch remote {
        case .v4: remote?.ipAddress?.hasPrefix("127.") ?? false
        case .v6: ["::1", "::ffff:127.0.0.1"].contains(remote?.ipAddress ?? "")
        case .unixDomainSocket, nil: true
        }
    }
}

/// Segments and reports that are about to be saved, by their ids.
struct Proposed: Sendable {
    var segments: [String: SegmentRecord] = [:]
    var reports: [String: SavedReport] = [:]
}

/// One request on its way through a route.
struct Exchange: Sendable {
    let request: Request
    let context: SluiceContext
    let app: ServerState
    /// The one reading of the clock for this request.
    let receivedAt: Timestamp
    /// Whether it came over the socket in the data folder.
    let isTrusted: Bool
    /// What becomes known of the request.
    let note: RequestNote
    /// The variable parts of the path, decoded, in their order.
    var parameters: [String] = []
    /// Who calls, on routes that need a key.
    var caller: Caller?
    /// What is about to be saved with what the request saves, and may be named in it.
    var proposed = Proposed()

    var logger: Logger { context.logger }
    var requestID: String { context.id }

    /// The caller of a route that has one.
    func requireCaller() throws(Problem) -> Caller {
        guard let caller else { throw .unauthorized("a key is needed") }
        return caller
    }

    /// The caller's project.
    func project() throws(Problem) -> ProjectRuntime {
        let name = try requireCaller().project
        guard let runtime = app.projects.runtime(name) else { throw .notFound("there is no project \(name)") }
        return runtime
    }

    /// Checks that the caller may see columns that the answer has, or that say which rows it has.
    func requireColumns(_ needs: Set<ColumnNeed>) throws(Problem) {
        note.used(needs)
        if let missing = try requireCaller().grant.missing(of: needs) { throw .column(missing) }
    }

    /// The query's parameters.
    var query: QueryParameters { QueryParameters(request.uri.query) }
}
