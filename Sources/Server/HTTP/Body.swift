internal import Codecs
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Reads bodies of requests, bounded.
enum Body {
    /// A document that asks for something (an export, a project), decompressed: far more than any that makes sense, and
    /// few enough that the tree made of it is small.
    static let documentBytes = 1 << 20

    /// The body as sent, at most the configured bytes.
    static func collect(_ exchange: Exchange) async throws -> [UInt8] {
        let limit = exchange.app.configuration.requestBytes
        if let length = exchange.request.headers.first(.contentLength).flatMap({ Int($0) }), length > limit {
            throw tooLarge(limit)
        }
        do {
            let wait = exchange.app.configuration.bodyWait
            let buffer = try await exchange.app.bodies.read(exchange.context.channel, within: wait) {
                try await exchange.request.body.collect(upTo: limit)
            }
            return [UInt8](buffer: buffer)
        } catch is NIOTooManyBytesError {
            throw tooLarge(limit)
        }
    }

    /// The body with its Content-Encoding undone; nil for the configuration's limit.
    static func decoded(_ exchange: Exchange, limit: Int? = nil) async throws -> [UInt8] {
        let compression = try compression(exchange.request)
        let body = try BodyDecoder.decode(
            try await collect(exchange), compression, limit: limit ?? exchange.app.configuration.decompressedBytes)
        // What is collected is not written down, and has no limit of its own.
        if limit != nil { exchange.note.asked(body) }
        return body
    }

    /// The compression that a request names.
    static func compression(_ request: Request) throws(Problem) -> Compression {
        guard let header = request.headers.first(.contentEncoding) else { return .none }
        guard let compression = Compression(contentEncoding: header) else {
            throw Problem(
                .unsupportedMediaType, "unsupported_encoding",
                "Content-Encoding \(header.prefix(32)) is not read; send gzip, zstd or none")
        }
        return compression
    }

    private static func tooLarge(_ limit: Int) -> Problem {
        .tooLarge("a request's body has at most \(limit) bytes as sent; send less at once, or import a file")
    }
}
