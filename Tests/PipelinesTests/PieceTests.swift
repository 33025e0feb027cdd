import Connectors
import Foundation
import Model
import Synchronization
import Testing

@testable import Destinations

@Suite("What goes out in pieces arrives once")
struct PieceTests {
    private let lab: DestinationLab

    init() throws { lab = try DestinationLab() }

    @Test("What was taken in part is taken as a whole when it is sent again")
    func partly() async throws {
        let destination = try lab.make("http")
        lab.receiver.state.withLock { $0.answers = [200, 503] }
        let batch = try lab.batch("http", run: "r1", after: 0, upTo: 35)
        let error = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(error?.isTransient == true)
        #expect(lab.receiver.rows == 10)
        // The run was given up, and the next one covers more: what was taken comes under the keys that it had.
        var wider = try lab.batch("http", run: "r2", after: 0, upTo: 50)
        wider.seqColumn = "seq"
        wider.cuts = [35]
        #expect(try await destination.load(wider).rows == 50)
        #expect(lab.receiver.rows == 50)
        lab.receiver.state.withLock { $0.taken = [:] }
        #expect(try await destination.load(batch).rows == 35)
        #expect(lab.receiver.rows == 35)
        lab.receiver.state.withLock { $0.answers = [401] }
        let refused = await #expect(throws: ConnectorError.self) { try await destination.load(batch) }
        #expect(refused?.isTransient == false)
    }

    @Test("Requests do not cross the ends of pieces, and a seq that nobody asked for does not leave")
    func pieces() throws {
        var batch = try lab.batch("http", run: "r1", after: 9_990, upTo: 9_990)
        let seqs = [9_995, 9_996, 10_000, 10_001, 20_000, 20_001, 20_002]
        try seqs.map { "{\"a\":\"x\",\"sluice_seq\":\($0)}\n" }.joined().write(
            toFile: batch.file, atomically: true, encoding: .utf8)
        batch.seqTo = 20_010
        batch.seqColumn = LoadBatch.addedSeq
        batch.cuts = [9_995, 20_001]
        var lines = LineBatches(batch, rows: 2, bytes: 1_000)
        var found: [String] = []
        while let piece = try lines.next() {
            #expect(piece.body == Array(String(repeating: "{\"a\":\"x\"}\n", count: piece.rows).utf8))
            found.append("\(piece.name) \(piece.rows)")
        }
        #expect(
            found == [
                "9990-9995.1 1", "9995-10000.1 2", "10000-20000.1 2", "20000-20001.1 1", "20001-20010.1 1",
            ])
    }
}
