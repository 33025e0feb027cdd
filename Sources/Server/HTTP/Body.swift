internal import Codecs
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Reads bodies of requests, bounded.
enum Body {
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

    /// The body with its Content-Encoding undone.
    static func decoded(_ exchange: Exchange) async throws -> [UInt8] {
        let compression = try compression(exchange.request)
        let body = try await collect(exchange)
        return try BodyDecoder.decode(body, compression, limit: exchange.app.configuration.decompressedBytes)
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
