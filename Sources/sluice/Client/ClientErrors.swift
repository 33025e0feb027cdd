import AsyncHTTPClient
import NIOCore
import NIOPosix

/// What went wrong below HTTP, in words.
enum ClientErrors {
    static func describe(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { describe($0.error) } ?? "no address of \(error.host) could be reached"
        case let error as IOError: systemReason(error.errnoCode)
        default: String(describing: error)
        }
    }
}
