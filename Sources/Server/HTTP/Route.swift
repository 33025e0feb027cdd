internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird

/// A path, a method, who may call it, and what answers.
///
/// One object each, since every request gets hold of its route several times.
final class Route: Sendable {
    /// Who may call a route.
    enum Access: Sendable, Equatable {
        /// Anybody.
        case open
        /// Anybody on this machine, and keys with `admin` from elsewhere.
        case loopbackOrAdmin
        /// Keys that write; the handler finds the key itself, since it may be in the body.
        case collection
        /// Secret keys with the scope.
        case scope(Scope)
    }

    /// What a route gives out of people and events, for keys that read some columns only.
    enum Columns: Sendable {
        /// Nobody has said: such keys are refused, so that a route that knows nothing of columns gives none away.
        case refused
        /// Nothing of people and events.
        case none
        /// These, in every answer.
        case always(Set<ColumnNeed>)
        /// What the request asks for: the handler checks it, by `Exchange.requireColumns`.
        case asked
    }

    let method: HTTPRequest.Method
    /// The path, with `{name}` for a variable part: `/v1/people/{id}`.
    let path: String
    let access: Access
    let columns: Columns
    let audit: Audit
    let handle: @Sendable (Exchange) async throws -> Response

    /// Whether it is used by whoever has a key with a scope, so that it is known who used it.
    var isKeyed: Bool { if case .scope = access { true } else { false } }

    init(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, columns: Columns = .refused,
        audit: Audit = .undeclared, _ handle: @escaping @Sendable (Exchange) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.columns = columns
        self.audit = audit
        self.handle = handle
    }
}

/// All routes, found by path and then by method.
struct RouteTable: Sendable {
    /// What one path answers to.
    final class Node: Sendable {
        let routes: [Route]
        /// Whether browsers of other sites may call it.
        let isCollection: Bool

        init(_ routes: [Route]) {
            self.routes = routes
            isCollection = routes.contains { $0.access == .collection }
        }

        func route(_ method: HTTPRequest.Method) -> Route? { routes.first { $0.method == method } }

        /// The methods for an `Allow` header.
        var allowed: String {
            var names = routes.map(\.method.rawValue)
            if names.contains("GET"), !names.contains("HEAD") { names.append("HEAD") }
            if !names.contains("OPTIONS") { names.append("OPTIONS") }
            return names.joined(separator: ", ")
        }
    }

    let routes: [Route]
    private let exact: [String: Node]
    /// Paths with variable parts, cut at the slashes; a part that is nil is variable.
    private let patterns: [(parts: [String?], node: Node)]

    init(_ routes: [Route]) {
        self.routes = routes
        var fixed: [String: [Route]] = [:]
        var variable: [(parts: [String?], routes: [Route])] = []
        for route in routes {
            let parts = Self.parts(route.path).map { $0.hasPrefix("{") ? nil : String($0) }
            if parts.allSatisfy({ $0 != nil }) {
                fixed[route.path, default: []].append(route)
            } else if let at = variable.firstIndex(where: { $0.parts == parts }) {
                variable[at].routes.append(route)
            } else {
                variable.append((parts, [route]))
            }
        }
        exact = fixed.mapValues { Node($0) }
        patterns = variable.map { ($0.parts, Node($0.routes)) }
    }

    private static func parts(_ path: some StringProtocol) -> [Substring] {
        Substring(path).dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    /// What answers at a path, and its variable parts. A slash at the end does not count.
    func find(_ path: String) -> (node: Node, parameters: [String])? {
        if let node = exact[path] { return (node, []) }
        let trimmed = path.utf8.count > 1 && path.hasSuffix("/") ? path.dropLast() : Substring(path)
        if trimmed.endIndex != path.endIndex, let node = exact[String(trimmed)] { return (node, []) }
        let parts = Self.parts(trimmed)
        for (pattern, node) in patterns where pattern.count == parts.count {
            if zip(pattern, parts).allSatisfy({ variable, part in
                variable.map { part == $0 } ?? !part.isEmpty
            }) {
                let variable = zip(pattern, parts).filter { $0.0 == nil }.map(\.1)
                return (node, variable.map { QueryParameters.decode($0.utf8, plusIsSpace: false) })
            }
        }
        return nil
    }
}
