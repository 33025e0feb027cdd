import ArgumentParser

struct Report: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask how people convert, come back, and how much there is of something.",
        discussion: """
            Examples:
              sluice report funnel 'Signed Up' 'Purchased' --window 7d --data ./data
              sluice report cohort --start 'Signed Up' --return 'Logged In' --interval week --data ./data
              sluice report metric Purchased --of sum --property amount --interval day --from -30d --data ./data
            """,
        subcommands: [
            ReportFunnel.self, ReportCohort.self, ReportMetric.self, ReportRun.self, ReportList.self, ReportDelete.self,
        ])
}
