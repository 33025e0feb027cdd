internal import HTTPTypes
internal import Hummingbird
internal import Model
internal import NIOCore

extension Response {
    /// A JSON document.
    static func json(_ document: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(json: document))
    }

    /// A JSON document that is written already.
    static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A page of a list, as all lists are: `{"data":[…],"next_cursor":null|"…"}`.
    static func page(_ rows: [JSONValue], next: String?) -> Response {
        .json(["data": .array(rows), "next_cursor": JSONValue(next)])
    }
}

extension JSONValue {
    /// A moment as it leaves the server, or null.
    init(_ time: Timestamp?) { self = time.map { .string($0.text) } ?? .null }

    /// A whole number, or null.
    init(optional number: Int64?) { self = number.map { .number(String($0)) } ?? .null }
}
