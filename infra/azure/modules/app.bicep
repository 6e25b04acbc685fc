// A function app, on the plan that scales each function by itself: the public one, or the workers'.

param name string
param location string
param subnetId string
param identityId string
param clientId string
param blobUrl string

@description('The container of its package.')
param package string

param hostQueueUrl string
param queueUrl string
param anchorsUrl string
param telemetry string
param keyUrl string
param databaseUrl string
param settings object

@description('Settings that are secrets: each with its name, and the vault that has it.')
param secretSettings array
param alwaysReady int

@description('What azure.yaml calls it.')
param service string

// By identity throughout: the host's storage, the queues, the database, the telemetry and the vault.
var own = {
  AzureWebJobsStorage__blobServiceUri: blobUrl
  AzureWebJobsStorage__queueServiceUri: hostQueueUrl
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetry
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  // The host refuses what is longer than our longest body (LARGEST_MESSAGE) before a worker is given it.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '4194304'
  FOOTPRINT_AZURE_IDENTITY: clientId
  FOOTPRINT_QUEUE: 'azure-storage'
  FOOTPRINT_DATABASE_URL: databaseUrl
  FOOTPRINT_DATABASE_IDENTITY: 'azure'
  FOOTPRINT_DATABASE_CONNECTIONS: '3'
  FOOTPRINT_AZURE_STORAGE__QUEUE_URL: queueUrl
  FOOTPRINT_ANCHORS_CONTAINER: anchorsUrl
  FOOTPRINT_MASTER_KEY__KEY_VAULT: keyUrl
  FOOTPRINT_TELEMETRY__NUMBERS: 'true'
}
var plain = [for setting in items(union(own, settings)): { name: setting.key, value: setting.value }]
var kept = [for setting in secretSettings: {
  name: setting.name
  value: '@Microsoft.KeyVault(VaultName=${setting.vault};SecretName=${toLower(replace(setting.name, '_', '-'))})'
}]

resource plan 'Microsoft.Web/serverfarms@2025-05-01' = {
  name: name
  location: location
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-05-01' = {
  name: name
  location: location
  kind: 'functionapp,linux'
  // How `azd deploy` finds it.
  tags: { 'azd-service-name': service }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: subnetId
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      runtime: { name: 'python', version: '3.11' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobUrl}${package}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        // Each queue, each timer and all routes together scale by themselves, and each instance has its own connections.
        maximumInstanceCount: 40
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'http', instanceCount: alwaysReady }]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      appSettings: concat(plain, kept)
    }
  }
}

// No user name and password for deployments: Entra only.
resource noPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-05-01' = [for way in ['ftp', 'scm']: {
  parent: app
  name: way
  properties: { allow: false }
}]
