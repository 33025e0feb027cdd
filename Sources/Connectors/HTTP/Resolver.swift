internal import NIOCore
internal import NIOPosix

/// Finds the addresses of names; tests put something else in its place.
public protocol Resolving: Sendable {
    /// All addresses of a name, in the order in which they are to be tried.
    func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress]
}

/// The system's resolver, on threads of its own, since it blocks for as long as it likes.
public final class SystemResolver: Resolving {
    private let threads = NIOThreadPool(numberOfThreads: 8)

    public init() { threads.start() }

    deinit { threads.shutdownGracefully { _ in } }

    public func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress] {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: [IPAddress].self)
        // Whichever comes first counts; the other finds the promise kept.
        let timer = loop.scheduleTask(in: TimeAmount(limit)) {
            promise.fail(OutboundFailure(.dns, "the name \(host) was not found in time"))
        }
        threads.submit { state in
            guard case .active = state else { return promise.fail(OutboundFailure(.cancelled, "the server ends")) }
            let found = NameLookup.addresses(of: host)
            if found.isEmpty {
                promise.fail(OutboundFailure(.dns, "the name \(host) has no address"))
            } else {
                promise.succeed(found)
            }
        }
        defer { timer.cancel() }
        do { return try await promise.futureResult.get() } catch {
            throw error as? OutboundFailure ?? OutboundFailure(.dns, "the name \(host) was not found")
        }
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

/// The addresses of this machine's interfaces, looked up anew now and then.
public enum OwnAddresses {
    public static func current() -> [IPAddress] {
        guard let devices = try? System.enumerateDevices() else { return [] }
        return devices.compactMap { device in
            device.address?.ipAddress.flatMap { IPAddress($0.prefix { $0 != "%" })?.plain }
        }
    }
}
