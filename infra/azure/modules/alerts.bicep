// What somebody must know at three in the morning, and nothing else.

param name string
param location string
param email string
param healthUrl string
param workspaceId string
param insightsId string
param databaseId string

var signals = loadJsonContent('../../signals.json')

// The numbers that the app logs each minute, one row each.
var numbers = 'AppTraces | extend number = parse_json(Message) | where number.metric startswith "footprint_"'

var told = [for alert in signals.alerts: {
  name: alert.name
  description: alert.says
  query: '${numbers} | where number.metric == "${alert.metric}" and todouble(number.value) > ${alert.above}${join(map(items(alert.labels), label => ' and tostring(number.labels.${label.key}) in (dynamic(${string(label.value)}))'), '')}'
  window: 'PT15M'
  operator: 'GreaterThan'
  threshold: 0
}]

var logAlerts = concat(told, [
  {
    name: 'functions-fail'
    description: 'Functions fail by the dozen: the database, the vault, the storage account, or a bad deployment.'
    query: 'AppRequests | where Success == false and not(ResultCode startswith "4")'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 12
  }
  {
    // Without numbers no timer runs, and nothing above can be told.
    name: 'silence'
    description: signals.silence.says
    query: numbers
    window: signals.silence.window
    operator: 'LessThan'
    threshold: 1
  }
])

var tiles = [for tile in signals.dashboard: {
  type: 3
  content: {
    version: 'KqlItem/1.0'
    title: tile.title
    query: '${numbers} | where number.metric == "${tile.metric}" | summarize avg(todouble(number.value)) by bin(TimeGenerated, 5m), tostring(number.labels.${empty(tile.by) ? 'none' : tile.by})'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    crossComponentResources: [workspaceId]
    visualization: 'timechart'
    timeContext: { durationMs: 86400000 }
  }
}]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  properties: {
    groupShortName: name
    enabled: true
    emailReceivers: [{ name: 'people', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource logged 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in logAlerts: {
  name: '${name}-${alert.name}'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: alert.name
    description: alert.description
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: alert.window
    // The query may name a table that has no row yet.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: alert.operator
          threshold: alert.threshold
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]

// From outside, as a customer's administrator comes: name, certificate, front end, app and database.
resource health 'Microsoft.Insights/webtests@2022-06-15' = {
  name: '${name}-health'
  location: location
  kind: 'standard'
  tags: { 'hidden-link:${insightsId}': 'Resource' }
  properties: {
    Name: '${name}-health'
    SyntheticMonitorId: '${name}-health'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [{ Id: 'emea-nl-ams-azr' }, { Id: 'us-va-ash-azr' }, { Id: 'apac-sg-sin-azr' }]
    Request: { RequestUrl: healthUrl, HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}

resource unreachable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-unreachable'
  location: 'global'
  properties: {
    description: 'Two of three places cannot reach the health page, or it names what is wrong: open /api/health/ready.'
    severity: 1
    enabled: true
    scopes: [health.id, insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: health.id
      componentId: insightsId
      failedLocationCount: 2
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource databaseFull 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-database-full'
  location: 'global'
  properties: {
    description: 'The database grows faster than its disk.'
    severity: 2
    enabled: true
    scopes: [databaseId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'storage'
          metricName: 'storage_percent'
          operator: 'GreaterThan'
          threshold: 85
          timeAggregation: 'Average'
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}

resource dashboard 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(workspaceId, 'numbers')
  location: location
  kind: 'shared'
  properties: {
    displayName: name
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: tiles
    })
  }
}
