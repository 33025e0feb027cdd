import Model
import Testing

@testable import Control

@Suite("Privacy records")
struct PrivacyRecordTests {
    @Test("A record goes from queued to its end, and stays as it ended")
    func life() async throws {
        try await withControl { control, _ in
            let made = try await control.createPrivacyRecord(project: "default", kind: .erasure, detail: ["persons": 1])
            #expect(made.id.hasPrefix("prv_"))
            #expect(made.status == .queued && made.startedAt == nil && made.finishedAt == nil)
            #expect(made.detail == ["persons": 1])

            try await control.startPrivacyRecord(made.id)
            let started = try #require(try await control.privacyRecord(made.id, project: "default"))
            #expect(started.status == .running && started.startedAt != nil && started.finishedAt == nil)
            try await control.updatePrivacyRecord(made.id, detail: ["persons": 2])
            try await control.startPrivacyRecord(made.id)
            let again = try #require(try await control.privacyRecord(made.id, project: "default"))
            #expect(again.startedAt == started.startedAt && again.detail == ["persons": 2])

            try await control.finishPrivacyRecord(made.id, status: .failed, error: "the disk is full")
            let failed = try #require(try await control.privacyRecord(made.id, project: "default"))
            #expect(failed.status == .failed && failed.error == "the disk is full" && failed.finishedAt != nil)
            #expect(failed.detail == ["persons": 2])
            try await control.finishPrivacyRecord(made.id, status: .succeeded, detail: ["persons": 3])
            try await control.startPrivacyRecord(made.id)
            #expect(try await control.privacyRecord(made.id, project: "default") == failed)
        }
    }

    @Test("What is done already is written down as ended")
    func ended() async throws {
        try await withControl { control, _ in
            let made = try await control.createPrivacyRecord(
                project: "default", kind: .access, status: .succeeded, detail: ["events": 12])
            #expect(made.status == .succeeded && made.startedAt == made.createdAt && made.finishedAt == made.createdAt)
        }
    }

    @Test("A list is newest first, of one project, with the same rows at any page size")
    func pages() async throws {
        try await withControl { control, _ in
            _ = try await control.createProject("other")
            let kinds = PrivacyRecord.Kind.allCases
            for i in 0..<7 {
                _ = try await control.createPrivacyRecord(project: "default", kind: kinds[i % kinds.count])
            }
            let foreign = try await control.createPrivacyRecord(project: "other", kind: .erasure)
            let all = try await control.privacyRecords(project: "default", before: nil, limit: 100)
            #expect(all.map(\.number) == [7, 6, 5, 4, 3, 2, 1])
            for size in 1...8 {
                var pages: [PrivacyRecord] = []
                while true {
                    let page = try await control.privacyRecords(
                        project: "default", before: pages.last?.number, limit: size)
                    if page.isEmpty { break }
                    pages += page
                }
                #expect(pages == all)
            }
            #expect(try await control.privacyRecord(foreign.id, project: "default") == nil)
            #expect(try await control.privacyRecord(foreign.id, project: "other") == foreign)
        }
    }

    @Test("A start finds what was not finished, of one kind, oldest first")
    func unfinished() async throws {
        try await withControl { control, _ in
            let first = try await control.createPrivacyRecord(project: "default", kind: .erasure)
            let done = try await control.createPrivacyRecord(project: "default", kind: .erasure)
            _ = try await control.createPrivacyRecord(project: "default", kind: .retention)
            let last = try await control.createPrivacyRecord(project: "default", kind: .erasure)
            try await control.startPrivacyRecord(last.id)
            try await control.finishPrivacyRecord(done.id, status: .succeeded)
            let open = try await control.unfinishedPrivacyRecords(kind: .erasure)
            #expect(open.map(\.id) == [first.id, last.id])
            #expect(open.map(\.status) == [.queued, .running])
        }
    }
}
