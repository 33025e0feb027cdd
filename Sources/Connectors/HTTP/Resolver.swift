internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Finds the addresses of names; tests put something else in its place.
public protocol Resolving: Sendable {
    /// All addresses of a name, in the order in which they are to be tried.
    func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress]
}

/// The system's resolver, on threads of its own, since it blocks for as long as it likes.
///
/// One name holds up no other: whoever asks for the same meanwhile waits for the same answer, and a name that was slow before is asked
/// for on threads where slow ones wait for each other.
public final class SystemResolver: Resolving {
    /// How long a name counts as slow after it was.
    private static let memory = TimeAmount.seconds(60)

    private struct State: Sendable {
        var waiting: [String: EventLoopFuture<[IPAddress]>] = [:]
        var slow: [String: NIODeadline] = [:]
    }

    private let threads = NIOThreadPool(numberOfThreads: 8)
    private let slowThreads = NIOThreadPool(numberOfThreads: 2)
    private let state = Mutex(State())
    private let look: @Sendable (String) -> [IPAddress]

    public convenience init() { self.init { NameLookup.addresses(of: $0) } }

    /// - Parameter look: the blocking look-up.
    init(_ look: @escaping @Sendable (String) -> [IPAddress]) {
        self.look = look
        threads.start()
        slowThreads.start()
    }

    deinit {
        threads.shutdownGracefully { _ in }
        slowThreads.shutdownGracefully { _ in }
    }

    /// The answer that somebody waits for already, or a new one. It is taken as it is for as long as the look-up runs and no longer:
    /// nothing is remembered of where a name leads to.
    private func answer(_ host: String, _ loop: any EventLoop) -> EventLoopFuture<[IPAddress]> {
        let promise = loop.makePromise(of: [IPAddress].self)
        let (known, isSlow) = state.withLock { state in
            if let known = state.waiting[host] { return (known as EventLoopFuture<[IPAddress]>?, false) }
            state.waiting[host] = promise.futureResult
            let now = NIODeadline.now()
            if state.slow.count > 1_000 { state.slow = state.slow.filter { $0.value > now } }
            return (nil, state.slow[host].map { $0 > now } ?? false)
        }
        if let known {
            promise.fail(OutboundFailure(.cancelled, "somebody asks already"))
            return known
        }
        (isSlow ? slowThreads : threads).submit { [self] work in
            guard case .active = work else {
                finished(host)
                return promise.fail(OutboundFailure(.cancelled, "the server ends"))
            }
            let found = look(host)
            finished(host)
            if found.isEmpty {
                promise.fail(OutboundFailure(.dns, "the name \(host) has no address"))
            } else {
                promise.succeed(found)
            }
        }
        return promise.futureResult
    }

    private func finished(_ host: String) { state.withLock { $0.waiting[host] = nil } }

    private func wasSlow(_ host: String) { state.withLock { $0.slow[host] = .now() + Self.memory } }

    public func addresses(of host: String, within limit: Duration) async throws(OutboundFailure) -> [IPAddress] {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let promise = loop.makePromise(of: [IPAddress].self)
        // Whichever comes first counts; the other finds the promise kept.
        let timer = loop.scheduleTask(in: TimeAmount(limit)) { [self] in
            wasSlow(host)
            promise.fail(OutboundFailure(.dns, "the name \(host) was not found in time"))
        }
        answer(host, loop).whenComplete { promise.completeWith($0) }
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
