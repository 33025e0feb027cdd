import Dispatch
import Synchronization
import Testing

@testable import Connectors

@Suite("Looking names up")
struct ResolverTests {
    @Test("Names that hang hold up no other, and are asked for once at a time")
    func fairness() async throws {
        let release = DispatchSemaphore(value: 0)
        let asked = Mutex<[String: Int]>([:])
        let resolver = SystemResolver { host in
            asked.withLock { $0[host, default: 0] += 1 }
            if host.hasPrefix("hangs") { release.wait() }
            return [IPAddress("192.0.2.1")].compactMap { $0 }
        }
        // More of the same than there are threads.
        await withTaskGroup(of: OutboundFailure?.self) { group in
            for _ in 0..<30 {
                group.addTask {
                    do throws(OutboundFailure) {
                        _ = try await resolver.addresses(of: "hangs.example", within: .milliseconds(20))
                        return nil
                    } catch { return error }
                }
            }
            for await failure in group { #expect(failure?.code == .dns) }
        }
        #expect(try await resolver.addresses(of: "fast.example", within: .seconds(60)).count == 1)
        #expect(asked.withLock { $0["hangs.example"] } == 1)
        // One that was slow before takes none of the usual threads.
        release.signal()
        for number in 0..<10 {
            do throws(OutboundFailure) {
                _ = try await resolver.addresses(of: "hangs\(number % 2).example", within: .milliseconds(20))
            } catch {}
        }
        #expect(try await resolver.addresses(of: "fast2.example", within: .seconds(60)).count == 1)
        for _ in 0..<40 { release.signal() }
    }
}
