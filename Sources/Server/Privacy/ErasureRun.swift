internal import Control
internal import Destinations
internal import EventStore
internal import Exports
internal import Journal
internal import Logging
internal import Model
internal import Pipelines
internal import Webhooks

/// One erasure: the steps, each of which can be taken again after a crash.
struct ErasureRun: Sendable {
    let id: String
    let runtime: ProjectRuntime
    let control: ControlStore
    let exports: ExportService
    let audit: AuditLog
    let webhooks: WebhookService
    let keeper: PipelineKeeper

    /// In the record of a run of retention: the largest `seq` of what went.
    static let agedThrough = "aged_through"

    private var path: String { ErasureRequest.path(id, project: runtime.directory) }

    /// Does everything; the receipts.
    func run(_ asked: ErasureRequest) async throws -> [ErasureReceipt] {
        var request = asked
        let store = runtime.store
        // Everything that was acknowledged before is there to be found.
        try await store.waitForApplied(runtime.journal.durableSeq, timeout: .seconds(300))
        try await lookUp(&request)
        if request.isSuppressing {
            // Whatever was collected before that is durable by then, and found.
            try await runtime.suppressions.add(request.texts)
            try await store.waitForApplied(runtime.journal.durableSeq, timeout: .seconds(300))
        }
        // What is only old can wait until they are done.
        if request.rules.isEmpty { exports.interrupt(project: runtime.name) }
        let copies = try await remove(&request)
        let texts = request.texts
        let names = NamedTexts(texts)
        // Once the rows are gone: the journal is the way by which they would come back.
        let report = try await runtime.journal.erase(
            JournalErasure(
                through: request.items.through, seqs: request.items.seqs, texts: texts.map { Array($0.utf8) }))
        var receipts = try receipts(copies, before: request.items.copies) + ErasureReceipt.receipts(report)
        let unverified = receipts.filter { !$0.verified }.map(\.name)
        guard unverified.isEmpty else {
            throw StoreError(
                .files, "What was erased could still be in \(unverified.joined(separator: ", ")).", isTransient: true)
        }
        let persons = (request.targets ?? []).map { PersonID($0.id).text }
        receipts += try await KeptExports(
            project: runtime.name, control: control, exports: exports, items: request.items, names: names,
            identities: texts, persons: persons, store: store, epoch: store.erasureEpoch, erasure: id
        ).erase()
        receipts += try await PipelineCopies(
            runtime: runtime, control: control, keeper: keeper, items: request.items,
            names: NamedTexts(texts + persons)
        ).erase()
        if let receipt = try await eraseLinks() { receipts.append(receipt) }
        // Before the control database, which is written anew without what was taken out.
        receipts.append(try await eraseMessages(request.items, names, request.texts))
        receipts.append(try await redactAudit(names))
        receipts.append(try await scrubControl(names))
        return receipts
    }

    /// Files that links lead to may have rows of anybody, and are there for some days only: all of them go.
    private func eraseLinks() async throws -> ErasureReceipt? {
        let shelf = webhooks.shelf
        let (found, left) = try await Blocking.run { shelf.clear(now: nil) }
        guard found > 0 else { return nil }
        return ErasureReceipt(
            kind: "link", name: "files of links", rows: Int64(found), verified: left == 0, how: "files removed")
    }

    /// Adds the identities that belong to the persons now.
    private func lookUp(_ request: inout ErasureRequest) async throws {
        guard request.rules.isEmpty else { return }
        request.add(try await runtime.store.identitiesOfPersons(with: request.texts))
        try await request.write(to: path)
    }

    /// How often somebody may be tied to the persons while they are being removed.
    private static let mostChanges = 20

    /// Removes the rows; again with more identities, if such were tied to the persons meanwhile.
    private func remove(_ request: inout ErasureRequest) async throws -> [RemovedCopy] {
        var changes = 0
        while true {
            let (known, path) = (request, path)
            let refused = IdentityMatcher(known.texts)
            do {
                let copies = try await runtime.store.remove(
                    known.removal, isContinued: !known.items.copies.isEmpty,
                    rejects: { raw in refused.isNamed(in: raw) }
                ) { found in
                    var noted = known
                    noted.add(found)
                    try await noted.write(to: path)
                }
                request = try await ErasureRequest.read(path) ?? request
                return copies
            } catch let error as StoreError where error.code == .changed && changes < Self.mostChanges {
                changes += 1
                request = try await ErasureRequest.read(path) ?? request
                try await lookUp(&request)
            }
        }
    }

    /// The store's receipts, and those of what an attempt before found that was cut off.
    private func receipts(_ copies: [RemovedCopy], before: [RemovedCopy]) throws -> [ErasureReceipt] {
        let isDone = copies.allSatisfy(\.verified)
        var all = copies
        for copy in before {
            let place = all.firstIndex { $0.kind == copy.kind && $0.name == copy.name }
            if let place {
                all[place] = RemovedCopy(
                    kind: copy.kind, name: copy.name, rows: max(copy.rows, all[place].rows),
                    verified: all[place].verified)
            } else {
                let isThere = try copy.kind == .cold && runtime.store.hasColdFile(named: copy.name)
                all.append(
                    RemovedCopy(kind: copy.kind, name: copy.name, rows: copy.rows, verified: isDone && !isThere))
            }
        }
        return all.map { copy in
            ErasureReceipt(
                kind: copy.kind.rawValue, name: copy.name, rows: copy.rows, verified: copy.verified,
                how: copy.rows == 0 ? "nothing was there" : "written anew without the rows; the old file removed")
        }
    }

    /// Messages of what went, waiting and sent, and what receivers answered to them.
    private func eraseMessages(
        _ items: RemovedItems, _ names: NamedTexts, _ identities: [String]
    ) async throws -> ErasureReceipt {
        let waits = try await webhooks.store.eraseTriggers(
            identities: identities, seqs: items.seqs, project: runtime.name, now: SystemClock.now())
        try await webhooks.store.rewriteTriggers(
            project: runtime.name, condition: { names.condition($0) }, name: { names.redacted($0) })
        try await webhooks.store.rewrite(project: runtime.name) {
            names.condition($0)
        } description: {
            names.redacted($0)
        }
        // The last, since it empties the log of what was written over.
        let found = try await webhooks.store.erase(
            seqs: items.seqs, project: runtime.name, now: SystemClock.now())
        try await webhooks.sender.reload()
        try await webhooks.sender.forgetErased()
        let rows = found.rows + waits.rows
        return ErasureReceipt(
            kind: "outbox", name: DeliveryStore.fileName, rows: rows, verified: found.isGone && waits.isGone,
            how: rows == 0
                ? "no message of theirs was kept"
                : "what triggers kept of them removed; bodies and receivers' answers removed; what waited is not sent")
    }

    /// How often the audit is looked through for what came in meanwhile.
    private static let mostLooks = 5

    /// What was asked for, where it names somebody; looked at again until there is none.
    private func redactAudit(_ names: NamedTexts) async throws -> ErasureReceipt {
        var (count, isVerified) = (0, names.isEmpty)
        for _ in 0..<Self.mostLooks where !isVerified {
            try await audit.flush()
            let found = try await control.redactAudit(project: runtime.name) { names.isNamed(in: $0) }
            count += found
            isVerified = found == 0
        }
        return ErasureReceipt(
            kind: "audit", name: "audit", rows: Int64(count), verified: isVerified,
            how: count == 0
                ? "no entry's filter named them" : "the filters of these entries taken out; the chain of hashes holds")
    }

    /// The control database: replies that were kept, and what its records say of somebody.
    private func scrubControl(_ names: NamedTexts) async throws -> ErasureReceipt {
        try await control.forgetReplies(project: runtime.name)
        try await control.rewriteSegments(project: runtime.name) { names.redacted($0) }
        try await control.rewriteCatalogueNotes(project: runtime.name) { names.redacted($0) }
        runtime.catalogue.forget()
        try await control.rewriteColumns(project: runtime.name) { names.redacted($0) }
        try await runtime.columns.reload(control)
        try await control.forgetImportErrors(project: runtime.name) { names.isNamed(in: $0) }
        try await control.rewriteReports(
            project: runtime.name, name: { names.redacted($0) }, report: { names.redacted(report: $0) })
        try await control.scrub()
        return ErasureReceipt(
            kind: "control", name: "control.sqlite", rows: 0, verified: true,
            how: "kept replies forgotten, saved conditions and reports name nobody, the file written anew")
    }
}
