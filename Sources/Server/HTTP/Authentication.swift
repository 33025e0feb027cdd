internal import Control
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Model

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

/// Finds the key of a request and checks what it opens.
enum Authentication {
    /// The caller, or nil on routes that need none. The request counts against the limit of the caller's key.
    static func check(_ route: Route, _ exchange: Exchange) throws(Problem) -> Caller? {
        switch route.access {
        case .open, .collection: return nil
        case .loopbackOrAdmin:
            // A proxy on this machine forwards what comes from elsewhere: that is not from here.
            let forwarded =
                exchange.request.headers.contains(.forwarded) || exchange.request.headers.contains(.xForwardedFor)
            if exchange.context.isLoopback, !forwarded { return nil }
            return try holder(of: .admin, exchange)
        case .scope(let scope):
            let caller = try holder(of: scope, exchange)
            try check(caller, route)
            return caller
        }
    }

    /// Checks that a route gives out no column that the caller may not see, as far as the route alone can tell.
    private static func check(_ caller: Caller, _ route: Route) throws(Problem) {
        guard !caller.grant.isAll else { return }
        switch route.columns {
        case .none, .asked: break
        case .always(let needs): if let missing = caller.grant.missing(of: needs) { throw .column(missing) }
        case .refused:
            throw .forbidden(
                "this key reads some columns only, and \(route.path) cannot be asked for these alone; use a key without a "
                    + "list of columns")
        }
    }

    /// The caller, whose key has the scope.
    private static func holder(of scope: Scope, _ exchange: Exchange) throws(Problem) -> Caller {
        guard let text = headerKey(exchange.request.headers) else {
            if exchange.isTrusted { return try owner(exchange) }
            throw .unauthorized("send a key as Authorization: Bearer KEY, or as Basic with the key as user name")
        }
        guard let key = exchange.app.keys.find(text, at: exchange.receivedAt) else { throw unknownKey }
        let caller = Caller(key)
        exchange.note.called(by: caller)
        try exchange.count(caller)
        guard key.kind == .secret else {
            throw .forbidden("a write key can only send events; this needs a secret key")
        }
        guard key.scopes.allows(scope) else { throw .forbidden("this key lacks the scope \(scope.rawValue)") }
        return caller
    }

    /// The caller of a collection route, whose key is the first of: header, `other` (query or body).
    static func collector(_ exchange: Exchange, other: () -> String?) throws(Problem) -> Caller {
        try collector(headerKey(exchange.request.headers) ?? other(), of: exchange)
    }

    /// The caller of a collection route whose key does not stand in the body, before any of that is read; nil if only
    /// the body can tell.
    static func early(_ exchange: Exchange) throws(Problem) -> Caller? {
        let query = exchange.request.uri.query == nil ? nil : exchange.query["write_key"]
        guard let text = headerKey(exchange.request.headers) ?? query else { return nil }
        return try collector(text, of: exchange)
    }

    private static func collector(_ text: String?, of exchange: Exchange) throws(Problem) -> Caller {
        guard let text else {
            if exchange.isTrusted { return try owner(exchange) }
            throw .unauthorized(
                "send a write key: Authorization: Bearer KEY, Basic KEY:, ?write_key= or writeKey in the body")
        }
        guard let caller = collector(text, exchange) else { throw unknownKey }
        try exchange.count(caller)
        guard caller.scopes.allows(.collect) else { throw .forbidden("this key lacks the scope collect") }
        return caller
    }

    /// The caller of that key, if it is one.
    static func collector(_ text: String, _ exchange: Exchange) -> Caller? {
        exchange.app.keys.find(text, at: exchange.receivedAt).map(Caller.init)
    }

    /// The caller over the socket, for the project that it names.
    static func owner(_ exchange: Exchange) throws(Problem) -> Caller {
        let project = exchange.request.headers[.sluiceProject] ?? ControlStore.defaultProject
        guard exchange.app.projects.runtime(project) != nil else { throw .notFound("there is no project \(project)") }
        let caller = Caller(ownerIn: project)
        exchange.note.called(by: caller)
        return caller
    }

    private static let unknownKey = Problem.unauthorized("the key is not known here, or has expired")

    /// The key of the Authorization header: a bearer token, or the user name of Basic.
    static func headerKey(_ headers: HTTPFields) -> String? {
        guard let header = headers.first(.authorization)?.utf8, let space = header.firstIndex(of: 0x20) else {
            return nil
        }
        let value = Substring(header[space...].drop { $0 == 0x20 })
        switch header[..<space].count {
        case 6 where Substring(header[..<space]).lowercased() == "bearer": return value.isEmpty ? nil : String(value)
        case 5 where Substring(header[..<space]).lowercased() == "basic":
            guard let decoded = Data(base64Encoded: String(value)) else { return nil }
            let user = decoded.prefix { $0 != 0x3a }
            return user.isEmpty ? nil : String(decoding: user, as: UTF8.self)
        default: return nil
        }
    }
}

extension HTTPFields {
    /// The first field of that name. The framework's subscript joins all that there are, which is dear on the way of
    /// every event.
    func first(_ name: HTTPField.Name) -> String? {
        for field in self where field.name == name { return field.value }
        return nil
    }
}

extension HTTPField.Name {
    fileprivate static let forwarded = HTTPField.Name("Forwarded") ?? .via
    fileprivate static let xForwardedFor = HTTPField.Name("X-Forwarded-For") ?? .via
}
