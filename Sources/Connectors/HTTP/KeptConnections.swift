internal import NIOCore
internal import Synchronization

/// A connection that may be used again.
struct KeptConnection: Sendable {
    let channel: any Channel
    /// When its name was looked up.
    let dialled: NIODeadline
    /// When it was used last.
    var since: NIODeadline
    let peer: String?
}

/// Connections that wait for their next request, by where they lead to.
final class KeptConnections: Sendable {
    /// How long a kept connection may have waited: receivers close theirs after five seconds or more.
    private static let reuse = TimeAmount.seconds(3)
    /// How long a connection is used in all: where its name leads to is looked up and judged again then.
    private static let oldest = TimeAmount.seconds(60)
    private static let most = 64

    private struct Place: Hashable {
        let isSecure: Bool
        let host: String
        let port: Int
        /// One connection has one certificate.
        let certificate: String?

        init(_ request: OutboundRequest) {
            let url = request.url
            (isSecure, host, port) = (url.isSecure, url.host, url.port)
            certificate = url.isSecure ? request.certificate : nil
        }
    }

    private let kept = Mutex<[Place: [KeptConnection]]>([:])

    func take(for request: OutboundRequest) -> KeptConnection? {
        let (now, place) = (NIODeadline.now(), Place(request))
        return kept.withLock { kept in
            // The newest first: the others grow old and close themselves.
            while let last = kept[place]?.popLast() {
                if last.channel.isActive, now - last.since < Self.reuse, now - last.dialled < Self.oldest {
                    return last
                }
                last.channel.close(promise: nil)
            }
            kept[place] = nil
            return nil
        }
    }

    func keep(_ connection: KeptConnection, for request: OutboundRequest) {
        var again = connection
        again.since = .now()
        let (made, place) = (again, Place(request))
        kept.withLock { kept in
            var list = kept[place] ?? []
            if list.count >= Self.most {
                list.removeAll { !$0.channel.isActive || made.since - $0.since >= Self.reuse }
            }
            guard list.count < Self.most else { return made.channel.close(promise: nil) }
            list.append(made)
            kept[place] = list
            // Places that nobody sends to any more.
            if kept.count > 1_024 { kept = kept.filter { $0.value.contains { $0.channel.isActive } } }
        }
    }
}
