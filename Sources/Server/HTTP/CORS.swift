internal import HTTPTypes
internal import Hummingbird

/// What browsers ask before a page of another site may send events.
enum CORS {
    /// Opens a collection answer to pages of any site; no cookie is ever read, so nothing leaks by it.
    static func open(_ response: inout Response) {
        response.headers.append(HTTPField(name: .accessControlAllowOrigin, value: "*"))
    }

    /// The answer to OPTIONS.
    static func preflight(_ node: RouteTable.Node, _ request: Request) -> Response {
        var headers: HTTPFields = [.allow: node.allowed]
        if node.isCollection {
            headers[.accessControlAllowMethods] = node.allowed
            // Whatever a page wants to send it may: SDKs add headers of their own.
            headers[.accessControlAllowHeaders] =
                request.headers[.accessControlRequestHeaders] ?? "Authorization, Content-Type, Content-Encoding"
            headers[.accessControlMaxAge] = "86400"
        }
        return Response(status: .noContent, headers: headers)
    }
}
